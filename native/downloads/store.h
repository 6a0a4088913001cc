// The models of this machine: one implementation for the program `relievo` and for the Blender extension. All
// of it throws as fetch_file, read_weights and find_model do.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "downloads/downloads.h"

namespace relievo {

enum class ModelState { kMissing, kPartial, kInstalled, kEmbedded };

/// Tells it by which files are there; their content is not looked at.
ModelState model_state(const CatalogueModel& model);
std::string_view state_name(ModelState state);  ///< missing, partial, installed, embedded

/// Is told how many bytes of the file at `path` are there or checked, and of how many.
using ModelListener =
    std::function<void(const std::string& path, FetchPhase phase, uint64_t done, uint64_t total)>;

/// How a model is fetched and watched.
struct ModelContext {
  Transport& transport;
  std::vector<std::string> from = {};  ///< sources that come before all others
  Control control = {};
  ModelListener listener = {};
  std::chrono::milliseconds patience = kPatience;
};

/// Fetches what is missing and what verify_model() would refuse, one file after the other, and notes size,
/// digest and source of each. A file that is wrong is replaced once the right one is there. Returns the paths
/// that were fetched. Before the first, the disk must have room for all whose size is known.
std::vector<std::string> fetch_model(const CatalogueModel& model, const ModelContext& context);

/// Bytes of what is missing of a model, by the catalogue or as the servers say; empty where one does not.
std::optional<uint64_t> size_of_missing(const CatalogueModel& model, const ModelContext& context);

/// Reads every file of an installed model through and compares it with the catalogue, or where that knows no
/// digest, with what was noted when the file came; and reads its weights' directory. Returns the paths with
/// neither to compare with.
std::vector<std::string> verify_model(const CatalogueModel& model, const Control& control,
                                      const ModelListener& listener = {});

/// Copies a weight file or a folder in, after it was read strictly. In a folder, the files are found some
/// folders down. `name` may be empty for files that have the name of exactly one file in the catalogue.
/// Returns the model's name and the catalogue's paths that are there now.
struct Imported {
  std::string name;
  std::vector<std::string> paths;
  std::vector<std::string> unpublished;  ///< those whose content is not the published one
};
Imported import_model(const std::filesystem::path& source, const std::string& name, const Control& control,
                      const ModelListener& listener = {});

/// Deletes the model's folder, unfinished downloads included. Returns whether there was one. Throws
/// Error{kInvalidSettings} for a model that comes with the program, Error{kIo} while a process fetches it.
bool remove_model(const CatalogueModel& model);

}  // namespace relievo

// The models of this machine: one implementation for the program `relievo` and for the Blender extension. All
// of it throws as fetch_file, read_weights and find_model do.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "downloads/downloads.h"

namespace relievo {

enum class ModelState { kMissing, kPartial, kInstalled, kEmbedded };

/// Tells the state by which files are there; their content is not looked at.
ModelState model_state(const CatalogueModel& model);
std::string_view state_name(ModelState state);  ///< missing, partial, installed or embedded

/// The disk space that several models take together.
struct ModelTotal {
  size_t files = 0;
  /// Unknown where the size of one file is not known.
  std::optional<uint64_t> bytes;
  uint64_t bytes_there = 0;            ///< installed files, and what has come of others
  std::optional<uint64_t> bytes_free;  ///< room on the disk of the models' folder, where the system tells
};

/// Computed from what lies on this machine, from the catalogue, and from what servers told when files came
/// before; no server is asked.
ModelTotal total_of(const std::vector<std::string>& models);

/// Returns the digest that a file of the catalogue is compared with, and who vouches for it: the catalogue,
/// or else the server that sent it the last time. Empty where neither is known.
std::optional<FileRecord> known_checksum(const CatalogueFile& file);

/// Is told how many bytes are there or checked, of how many, while the file at `path` is being fetched or
/// checked. fetch_models() tells of all files that it fetches together; 0 stands for a total that is not
/// known yet.
using ModelListener =
    std::function<void(const std::string& path, FetchPhase phase, uint64_t done, uint64_t total)>;

/// Everything that fetching a model needs, and how it is watched.
struct ModelContext {
  Transport& transport;
  std::vector<std::string> from = {};  ///< sources that are tried before all others
  Control control = {};
  ModelListener listener = {};
  std::chrono::milliseconds patience = kPatience;
};

/// One file that was fetched.
struct Fetched {
  std::string model, path;
  Voucher voucher;  ///< who vouches for its checksum
};

/// Fetches the files of these models that are missing and those that verify_model() would refuse, one after
/// the other, and records size, digest and source of each. A wrong file is replaced once the right one is
/// there. The disk must have room for all files whose size is known, if only roughly, before the first one is
/// fetched.
std::vector<Fetched> fetch_models(const std::vector<std::string>& models, const ModelContext& context);

/// The bytes of a model's missing files, by the catalogue or as the servers say; empty where one of them is
/// not known.
std::optional<uint64_t> size_of_missing(const CatalogueModel& model, const ModelContext& context);

/// Reads every file of an installed model and compares its digest with the catalogue's or, where that has
/// none, with the one that was recorded when the file came; also reads its weights' directory. Returns the
/// paths that have neither to compare with.
std::vector<std::string> verify_model(const CatalogueModel& model, const Control& control,
                                      const ModelListener& listener = {});

/// Copies a weight file or a folder in, after it was read strictly. In a folder, the files are found some
/// levels down. `name` may be empty for files that have the name of exactly one file in the catalogue.
/// Returns the model's name and the catalogue's paths that are there now.
struct Imported {
  std::string name;
  std::vector<std::string> paths;
  /// The files whose content is not the published one.
  std::vector<std::string> unpublished;
};
Imported import_model(const std::filesystem::path& source, const std::string& name, const Control& control,
                      const ModelListener& listener = {});

/// Deletes the model's folder, unfinished downloads included. Returns whether there was one. Throws
/// Error{kInvalidSettings} for a model that comes with the program, Error{kIo} while a process fetches it.
bool remove_model(const CatalogueModel& model);

}  // namespace relievo

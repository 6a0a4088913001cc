// What `relievo models` does with a model of the catalogue. All of it throws as fetch_file, read_weights and
// find_model do.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "downloads/downloads.h"

namespace relievo {

enum class ModelState { kMissing, kPartial, kInstalled, kEmbedded };

ModelState model_state(const CatalogueModel& model);

/// Bytes of the file named, of how many.
using FileListener = std::function<void(const std::string& path, uint64_t done, uint64_t total)>;

/// Fetches what is missing, one file after the other, and notes size, digest and source of each. Returns the
/// paths that were fetched.
std::vector<std::string> fetch_model(const CatalogueModel& model, const std::vector<std::string>& from,
                                     const Control& control, const FileListener& listener);

/// Reads every file of an installed model through and compares it with the catalogue, or where that knows no
/// digest, with what was noted when the file came; and reads its weights' directory. Returns the paths with
/// neither to compare with.
std::vector<std::string> verify_model(const CatalogueModel& model, const Control& control);

/// Copies a weight file or a folder in, after it was read strictly. `name` may be empty for files that have
/// the name of exactly one file in the catalogue. Returns the model's name and the catalogue's paths that are
/// there now.
struct Imported {
  std::string name;
  std::vector<std::string> paths;
  std::vector<std::string> unpublished;  ///< those whose content is not the published one
};
Imported import_model(const std::filesystem::path& source, const std::string& name, const Control& control);

/// Deletes the model's folder, unfinished downloads included. Returns whether there was one. Throws
/// Error{kInvalidSettings} for a model that comes with the program.
bool remove_model(const CatalogueModel& model);

}  // namespace relievo

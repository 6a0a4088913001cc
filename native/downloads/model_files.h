// Functions about a model's files on the disk that fetching, checking and importing share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "weights/catalogue.h"

namespace relievo {

/// The files that make up the one that installed_file() found: for an index, its parts too.
std::vector<std::filesystem::path> parts_of(const std::filesystem::path& file);

/// Reads the directory of the weights that installed_file() found; for an index, of all its parts together.
/// Throws as read_weights does.
void read_whole(const std::filesystem::path& file);

/// The catalogue's entry of this path; null where there is none.
const CatalogueFile* catalogue_file(const CatalogueModel& model, const std::string& path);

}  // namespace relievo

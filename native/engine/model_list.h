// The models of the catalogue in plain words for a person. What weights/catalogue.h knows, without its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace relievo {

struct ModelInfo {
  std::string name, title, licence;
  std::vector<std::string> stages;  ///< that need it: `foreground`, `multiview`, `reconstruct`
  bool embedded = false;            ///< comes with the program
  bool installed = false;           ///< all of its files are on this machine
  std::optional<uint64_t> bytes;    ///< of all its files; unknown until they were fetched once
};

/// In the catalogue's order. Throws Error{kModelCorrupt} for a catalogue of one's own that has a fault.
std::vector<ModelInfo> list_models();

/// Reads the directory of a weight file, or of a folder of them, strictly; not the numbers. Throws
/// Error{kIo}, Error{kModelCorrupt}.
void check_weights(const std::filesystem::path& path);

}  // namespace relievo

// Describes the models of the catalogue, for a person: what weights/catalogue.h knows, without its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace relievo {

struct ModelInfo {
  std::string name, title, licence;
  std::vector<std::string> stages;  ///< the stages that need it: `foreground`, `multiview`, `reconstruct`
  bool embedded = false;            ///< comes with the program
  bool installed = false;           ///< all of its files are on this machine
  /// Bytes of all its files; unknown until they were fetched once.
  std::optional<uint64_t> bytes;
};

/// The models in the catalogue's order. Throws Error{kModelCorrupt} for a person's own catalogue that has a
/// fault.
std::vector<ModelInfo> list_models();

/// Reads the directory of a weight file, or of a folder of them, strictly, but not the numbers. Throws
/// Error{kIo}, Error{kModelCorrupt}.
void check_weights(const std::filesystem::path& path);

}  // namespace relievo

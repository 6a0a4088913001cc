// Writes a result's files under temporary names and publishes them together.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/own_files.h"

namespace relievo {

/// Files are written into a folder of their own beside the final one, and all get their names at the end, so
/// that no other process or thread that names files at the same time can lose one.
class StagedFiles {
 public:
  /// Makes that folder, which the destructor removes. Throws Error{kIo}.
  StagedFiles(std::filesystem::path folder, const std::string& name);
  ~StagedFiles();
  StagedFiles(const StagedFiles&) = delete;
  StagedFiles& operator=(const StagedFiles&) = delete;

  /// Writes files by `write`, which gets the folder to write into and returns them; an error names the final
  /// place.
  void write(
      const std::function<std::vector<std::filesystem::path>(const std::filesystem::path& folder)>& write);

  /// Gives the files their names and returns them there, in order. Returns nothing, and changes nothing,
  /// where one of the names is that of a file that is not among `own`. Throws Error{kIo}.
  std::optional<std::vector<std::filesystem::path>> publish(const OwnFiles& own);

 private:
  std::filesystem::path final_of(const std::filesystem::path& file) const;

  std::filesystem::path folder_, staging_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace relievo

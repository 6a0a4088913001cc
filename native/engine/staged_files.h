// Files of a result on the way to their names.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/own_files.h"

namespace relievo {

/// Files are written into a folder of their own beside the final one, and all get their names at the end: no
/// other process or thread that gives names at the same time can lose a file by it.
class StagedFiles {
 public:
  /// Makes the folder of their own, which goes at the end of its life. Throws Error{kIo}.
  StagedFiles(std::filesystem::path folder, const std::string& name);
  ~StagedFiles();
  StagedFiles(const StagedFiles&) = delete;
  StagedFiles& operator=(const StagedFiles&) = delete;

  /// Writes files by `write`, which is given the folder to write into and returns them; an error names the
  /// final place.
  void write(
      const std::function<std::vector<std::filesystem::path>(const std::filesystem::path& folder)>& write);

  /// Gives what was written its names and returns it there, in order. Nothing, and all is as it was, where
  /// one of the names is that of a file that is not among `own`. Throws Error{kIo}.
  std::optional<std::vector<std::filesystem::path>> publish(const OwnFiles& own);

 private:
  std::filesystem::path final_of(const std::filesystem::path& file) const;

  std::filesystem::path folder_, staging_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace relievo

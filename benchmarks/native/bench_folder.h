// A folder for the files of a bench.
#pragma once

#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

namespace relievo {

/// A folder of this process's own, gone at the end.
class BenchFolder {
 public:
  BenchFolder() : path(std::filesystem::temp_directory_path() / fmt::format("relievo-bench-{}", ::getpid())) {
    std::filesystem::create_directories(path);
  }
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;
  ~BenchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }

  const std::filesystem::path path;
};

}  // namespace relievo

// Maps a file into memory without reading it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/error.h"

namespace relievo {

struct MappedRegion;

/// Maps a whole file read-only; its pages are shared with the disk cache and cost no anonymous memory. Throws
/// Error{kIo} when it cannot be opened.
///
/// Pages that can no longer be read, because the file was cut or its disk fails, would end the process by
/// SIGBUS. They read as zeros instead, and the file counts as damaged: code that has computed with its bytes
/// calls check() or mapped_file_damage() before it uses the result.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Throws Error{kIo} when a page could not be read.
  void check() const;

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  MappedRegion* region_ = nullptr;
};

/// The error of a file that is mapped now and has a page that could not be read, if there is one.
std::optional<Error> mapped_file_damage();

}  // namespace relievo

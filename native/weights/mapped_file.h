// A file seen as memory, without reading it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace relievo {

/// Maps a whole file read-only; its pages are shared with the disk cache and cost no anonymous memory.
/// Throws Error{kIo} when it cannot be opened.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace relievo

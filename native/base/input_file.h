// A file that is read from its beginning to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace relievo {

/// A regular file, opened. A folder, a pipe or a device in its place is refused and never waited for.
class InputFile {
 public:
  /// Throws Error{kIo}.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const { return size_; }  ///< when it was opened

  /// Fills `buffer` and returns how much of it; less than its size only at the end of the file. Throws
  /// Error{kIo}.
  size_t read(std::span<std::byte> buffer);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// The whole content of a file of at most `limit` bytes. Throws Error{kIo}, also for a larger one.
std::string read_file(const std::filesystem::path& path, uint64_t limit);

}  // namespace relievo

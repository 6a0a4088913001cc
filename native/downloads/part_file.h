// The file that a download grows in, and what is known about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace relievo {

/// DESTINATION.part, locked against other processes, with DESTINATION.part.json beside it that says which
/// version of which address its bytes belong to. Both stay when the process ends, however it ends. Throws
/// Error{kIo}.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& destination);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  void append(std::span<const std::byte> bytes);
  void clear();
  /// Moves the bytes to the destination, on disk before they get the name.
  void finish();
  /// Deletes both files.
  void discard();

  /// The validator (strong ETag or date) of the bytes that are there, if they came from `url`; else empty.
  std::string validator(const std::string& url) const;
  /// Notes where the bytes that follow come from.
  void note(const std::string& url, const std::string& validator);

 private:
  std::filesystem::path destination_, path_, notes_;
  int fd_;
  uint64_t bytes_ = 0;
};

}  // namespace relievo

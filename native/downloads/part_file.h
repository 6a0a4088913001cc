// The file that a download grows in, and what is known about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace relievo {

/// The address, and its version, that the bytes of a PartFile came from.
struct PartOrigin {
  std::string url;
  std::string validator;              ///< a strong ETag or a date; empty where the server gave neither
  std::optional<uint64_t> total;      ///< bytes of the whole file
  std::optional<std::string> sha256;  ///< digest of the whole file, as the server tells it
};

/// DESTINATION.part, locked by the operating system against other processes (the program, Blender, another
/// Blender), with DESTINATION.part.json beside it that holds its origin. Both stay when the process ends,
/// however it ends. Throws Error{kIo}.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& destination);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  void append(std::span<const std::byte> bytes);
  void clear();  ///< removes bytes and origin
  /// Moves the bytes to the destination. They are on disk before they get the name.
  void finish();
  /// Deletes both files.
  void discard();

  /// The origin of the bytes that are there, if that was `url`.
  std::optional<PartOrigin> origin(const std::string& url) const;
  /// Records the origin of the bytes that follow.
  void note(const PartOrigin& origin);

 private:
  std::filesystem::path destination_, path_, notes_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
};

/// Returns whether a process (this one included) is fetching to `destination`.
bool is_being_fetched(const std::filesystem::path& destination);

}  // namespace relievo

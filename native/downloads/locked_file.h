// Files that one process has at a time.
#pragma once

#include <filesystem>
#include <optional>

namespace relievo {

/// Opens (O_CREAT when it is missing) and locks a file for appending; returns its descriptor, or nothing
/// while another process (or another part of this one) has it. The end of the process frees the lock. A file
/// system without locks has no way to tell: then the file counts as free. Throws std::system_error.
std::optional<int> open_locked(const std::filesystem::path& path);

/// Whether another process, or another part of this one, has the file.
bool is_locked(const std::filesystem::path& path);

/// Whether the open file still has this name.
bool has_name(int descriptor, const std::filesystem::path& path);

/// A file that only stands for its lock, and is gone afterwards. Throws Error{kIo} while it is held
/// elsewhere.
class LockFile {
 public:
  explicit LockFile(std::filesystem::path path);
  ~LockFile() { release(); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  void release();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace relievo

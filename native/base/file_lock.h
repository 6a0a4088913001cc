// Locks of the operating system on files and folders, for what one process may do at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace relievo {

/// The name of this machine, for people; "unknown" where it has none.
std::string host_name();

/// Opens (O_CREAT when it is missing) and locks a file for appending; returns its descriptor, or nothing
/// while another process (or another part of this one) has it. The end of the process frees the lock. A file
/// system without locks has no way to tell: then the file counts as free. Throws std::system_error.
std::optional<int> open_locked(const std::filesystem::path& path);

/// Whether another process, or another part of this one, has the file.
bool is_locked(const std::filesystem::path& path);

/// Whether the open file still has this name.
bool has_name(int descriptor, const std::filesystem::path& path);

/// The words of the error that is thrown where the lock cannot be taken.
struct LockWords {
  std::string subject;    ///< as a sentence begins: "The folder 'out'"
  std::string held_hint;  ///< what to do while another process holds it
  /// What to do where the file system has no locks; empty: it goes on without.
  std::string no_locks_hint = {};
};

/// Held until it is destroyed or the process ends, however that happens. While it is held, the file says who
/// holds it; then it is removed.
class FileLock {
 public:
  /// Does not wait. What lies under the name and is no lock file is kept aside (base/set_aside.h). Throws
  /// Error{kIo} where another process holds it, which the message names, where the file system has no locks
  /// and must have them, or where the file cannot be made.
  FileLock(std::filesystem::path path, const LockWords& words);
  ~FileLock() { release(); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  void release();  ///< before its end

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  // The process that took the lock: one that was forked off must not release it.
  int owner_ = 0;
};

/// A short lock on a folder, for what several processes read, change and write in it.
class FolderLock {
 public:
  /// Waits for the lock on an existing folder and holds it until the end of its life; the end of the process
  /// frees it, too. Where the file system has no locks, there is none, and a change of another process at the
  /// same moment may be lost.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace relievo

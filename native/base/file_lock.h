// A lock of the operating system on a file, for what one process may do at a time.
#pragma once

#include <filesystem>
#include <string>

namespace relievo {

/// Of this machine, for people; "unknown" where it has none.
std::string host_name();

/// What is said where the lock cannot be taken.
struct LockWords {
  std::string subject;        ///< as a sentence begins: "The folder 'out'"
  std::string held_hint;      ///< what to do while another process holds it
  std::string no_locks_hint;  ///< what to do where the file system has no locks
};

/// Held until it is destroyed or the process ends, however that happens. While it is held, the file says who
/// holds it; then it is removed.
class FileLock {
 public:
  /// Does not wait. What lies under the name and is no lock file is kept aside (base/set_aside.h). Throws
  /// Error{kIo} where another process holds it, which the message names, where the file system has no locks,
  /// or where the file cannot be made.
  FileLock(std::filesystem::path path, const LockWords& words);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  int owner_ = 0;  // process; one that was forked off must not release it
};

}  // namespace relievo

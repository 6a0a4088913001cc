// A short lock on a folder, for what several processes read, change and write in it.
#pragma once

#include <filesystem>

namespace relievo {

/// Waits for the operating system's lock on an existing folder and holds it until the end of its life; the
/// end of the process frees it, too. Where the file system has no locks, there is none, and a change of
/// another process at the same moment may be lost.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

}  // namespace relievo

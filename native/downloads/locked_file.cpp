#include "downloads/locked_file.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace relievo {
namespace {

bool is_held_elsewhere(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno == EWOULDBLOCK;
  }
  return false;
}

}  // namespace

bool has_name(int descriptor, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::optional<int> open_locked(const std::filesystem::path& path) {
  for (;;) {
    // O_NONBLOCK: a pipe of this name is not waited for.
    const int descriptor =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category());
    if (is_held_elsewhere(descriptor)) {
      ::close(descriptor);
      return std::nullopt;
    }
    // Between opening and locking, whoever had it may have given it another name or deleted it.
    if (has_name(descriptor, path)) return descriptor;
    ::close(descriptor);
  }
}

bool is_locked(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  const bool is_held = is_held_elsewhere(descriptor);
  ::close(descriptor);
  return is_held;
}

LockFile::LockFile(std::filesystem::path path) : path_(std::move(path)) {
  try {
    const auto descriptor = open_locked(path_);
    if (!descriptor) {
      throw Error(ErrorCode::kIo,
                  fmt::format("Another process is working in '{}'.", path_.parent_path().string()),
                  "Wait for it to end: another Blender, or the program relievo.");
    }
    descriptor_ = *descriptor;
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::kIo, fmt::format("Cannot write '{}': {}.", path_.string(), error.code().message()),
                "Check that the folder exists and that you may write to it.");
  }
}

void LockFile::release() {
  if (descriptor_ < 0) return;
  std::error_code ignored;
  if (has_name(descriptor_, path_)) std::filesystem::remove(path_, ignored);
  ::close(std::exchange(descriptor_, -1));
}

}  // namespace relievo

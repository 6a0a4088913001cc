#include "base/file_lock.h"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/set_aside.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMostHolderBytes = 4096;
constexpr const char* kMark = "relievo_lock";  // what a lock file's object has

enum class Taken { kYes, kHeld, kNoLocks };

Taken try_lock(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno == EWOULDBLOCK ? Taken::kHeld : Taken::kNoLocks;
  }
  return Taken::kYes;
}

bool is_regular_file(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

/// Some file systems say yes to everybody. A second descriptor must be refused, in the same process, too.
bool is_real_lock(const fs::path& path) {
  const int second = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  const bool is_refused = second >= 0 && try_lock(second) == Taken::kHeld;
  ::close(second);
  return is_refused;
}

std::string now() {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

std::string holder_in(const fs::path& path) {
  const json holder = read_json_object_if_sound(path, {.bytes = kMostHolderBytes});
  try {
    return fmt::format("process {} on '{}', since {}", holder.at("process").get<int64_t>(),
                       holder.at("host").get<std::string>(), holder.at("since").get<std::string>());
  } catch (const json::exception&) {
    return "another process";
  }
}

/// An older holder's, or nothing: not a file of somebody else's.
bool may_be_written(const fs::path& path) {
  std::error_code error;
  return fs::file_size(path, error) == 0 ||
         read_json_object_if_sound(path, {.bytes = kMostHolderBytes}).contains(kMark);
}

void write_holder(int descriptor) {
  const std::string text =
      json{{kMark, 1}, {"process", ::getpid()}, {"host", host_name()}, {"since", now()}}.dump(
          -1, ' ', false, json::error_handler_t::replace) +
      "\n";
  // Only for people: the lock holds without it.
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) < 0) return;
}

Error no_locks(const LockWords& words, int error_number) {
  const std::string why = error_number == 0 ? "two got it" : std::generic_category().message(error_number);
  return {ErrorCode::kIo, fmt::format("{} lies on a file system without locks ({}).", words.subject, why),
          words.no_locks_hint};
}

}  // namespace

std::string host_name() {
  std::string name(256, '\0');
  return ::gethostname(name.data(), name.size()) == 0 ? name.c_str() : "unknown";
}

bool has_name(int descriptor, const fs::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::optional<int> open_locked(const fs::path& path) {
  while (true) {
    // O_NONBLOCK: a pipe of this name is not waited for.
    const int descriptor =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category());
    const bool is_held = try_lock(descriptor) == Taken::kHeld;
    // Between opening and locking, whoever had it may have given it another name or deleted it.
    if (!is_held && has_name(descriptor, path)) return descriptor;
    ::close(descriptor);
    if (is_held) return std::nullopt;
  }
}

bool is_locked(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  const bool is_held = try_lock(descriptor) == Taken::kHeld;
  ::close(descriptor);
  return is_held;
}

FileLock::FileLock(fs::path path, const LockWords& words) : path_(std::move(path)), owner_(::getpid()) {
  while (true) {
    // Without O_NOFOLLOW a link would let the holder's name be written into any file, without O_NONBLOCK a
    // pipe would wait.
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    const int failure = errno;
    if (descriptor_ < 0 && failure != ELOOP && failure != EISDIR && failure != ENXIO) {
      throw Error(
          ErrorCode::kIo,
          fmt::format("Cannot make '{}': {}.", path_.string(), std::generic_category().message(failure)),
          "Choose a folder that you may write to.");
    }
    if (descriptor_ < 0 || !is_regular_file(descriptor_)) {
      if (descriptor_ >= 0) ::close(descriptor_);
      set_aside(path_);
      continue;
    }
    const Taken taken = try_lock(descriptor_);
    const int reason = errno;
    const bool is_current = has_name(descriptor_, path_);
    const bool needs_lock = !words.no_locks_hint.empty(), is_free = taken != Taken::kHeld;
    const bool may_have = taken == Taken::kYes || (is_free && !needs_lock);
    if (may_have && is_current && may_be_written(path_)) {
      if (!needs_lock || is_real_lock(path_)) break;
      ::close(descriptor_);
      throw no_locks(words, 0);
    }
    ::close(descriptor_);
    if (is_free && !may_have) throw no_locks(words, reason);
    if (!is_current) continue;
    if (may_have) {
      set_aside(path_);
      continue;
    }
    throw Error(ErrorCode::kIo, fmt::format("{} is in use by {}.", words.subject, holder_in(path_)),
                words.held_hint);
  }
  write_holder(descriptor_);
}

void FileLock::release() {
  if (descriptor_ < 0) return;
  if (owner_ == ::getpid() && has_name(descriptor_, path_)) ::unlink(path_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

FolderLock::FolderLock(const fs::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace relievo

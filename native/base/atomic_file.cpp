#include "base/atomic_file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system_error.h"

namespace relievo {
namespace {

[[noreturn]] void throw_io(const std::filesystem::path& path, int error_number) {
  throw system_error(fmt::format("Cannot write '{}'", path.string()), error_number,
                     "Check that the folder exists and that you may write to it.");
}

class Descriptor {
 public:
  /// An error names the file that the caller wants, `final_path`.
  Descriptor(const std::filesystem::path& path, int flags, const std::filesystem::path& final_path)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) throw_io(final_path, errno);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

bool is_missing(int error_number) {
  return error_number == ENOSYS || error_number == EOPNOTSUPP || error_number == EINVAL ||
         error_number == EPERM;
}

bool is_one_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  struct stat first {
  }, second{};
  return ::lstat(a.c_str(), &first) == 0 && ::lstat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Whether the file got the name; nothing where the file system has no such way.

std::optional<bool> rename_only(const std::filesystem::path& from, const std::filesystem::path& to) {
#ifdef RENAME_NOREPLACE
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (!is_missing(errno)) throw_io(to, errno);
#endif
  return std::nullopt;
}

std::optional<bool> link_and_unlink(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::link(from.c_str(), to.c_str()) != 0) {
    if (errno == EMLINK || is_missing(errno)) return std::nullopt;
    if (errno != EEXIST) throw_io(to, errno);
    // A network file system that asks again, for the answer was lost, finds its own link.
    if (!is_one_file(from, to)) return false;
  }
  ::unlink(from.c_str());
  return true;
}

bool replace_placeholder(const std::filesystem::path& from, const std::filesystem::path& to) {
  const int placeholder = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (placeholder < 0 && errno == EEXIST) return false;
  if (placeholder < 0) throw_io(to, errno);
  ::close(placeholder);
  if (::rename(from.c_str(), to.c_str()) == 0) return true;
  const int reason = errno;
  ::unlink(to.c_str());
  throw_io(to, reason);
}

}  // namespace

std::string writer_mark() {
  static const unsigned random = std::random_device()();
  // A process that was forked off has a number of its own, which tells its files from its parent's.
  return fmt::format("{}-{:08x}", ::getpid(), random);
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / fmt::format(".{}.{}-{}.part{}", path.stem().string(), writer_mark(), counter++,
                                          path.extension().string());
}

bool is_temporary_of(std::string_view file_name, std::string_view mark) {
  const std::string before_number = fmt::format(".{}-", mark);
  const size_t found = file_name.rfind(before_number);
  if (!file_name.starts_with('.') || found == std::string_view::npos) return false;
  const std::string_view rest = file_name.substr(found + before_number.size());
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  return digits > 0 && (rest.substr(digits) == ".part" || rest.substr(digits).starts_with(".part."));
}

void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const std::filesystem::path& temporary)>& write) {
  const std::filesystem::path temporary = temporary_beside(path);
  try {
    write(temporary);
    const Descriptor file(temporary, O_RDONLY, path);
    if (::fsync(file.get()) != 0) throw_io(path, errno);
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    if (error) throw_io(path, error.value());
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
}

void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_atomically(path, [&](const std::filesystem::path& temporary) {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_EXCL, path);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_io(path, errno);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  });
}

bool rename_to_free(const std::filesystem::path& from, const std::filesystem::path& to, FreeName way) {
  std::optional<bool> is_renamed;
  if (way == FreeName::kRename) is_renamed = rename_only(from, to);
  if (!is_renamed && way != FreeName::kPlaceholder) is_renamed = link_and_unlink(from, to);
  return is_renamed ? *is_renamed : replace_placeholder(from, to);
}

}  // namespace relievo

#include "base/input_file.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace relievo {
namespace {

[[noreturn]] void throw_unreadable(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::kIo, fmt::format("Cannot read '{}': {}.", path.string(), reason),
              "Check that the path names a file which you may read.");
}

[[noreturn]] void throw_unreadable(const std::filesystem::path& path, int error_number) {
  throw_unreadable(path, std::generic_category().message(error_number));
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path)
    // Opening a pipe without O_NONBLOCK would wait for its writer.
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) throw_unreadable(path, errno);
  struct stat status {};
  std::string refusal;
  if (::fstat(descriptor_, &status) != 0) {
    refusal = std::generic_category().message(errno);
  } else if (S_ISDIR(status.st_mode)) {
    refusal = "it is a folder";
  } else if (!S_ISREG(status.st_mode)) {
    refusal = "it is not a regular file";
  }
  if (!refusal.empty()) {
    ::close(descriptor_);
    throw_unreadable(path, refusal);
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

size_t InputFile::read(std::span<std::byte> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = ::read(descriptor_, buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_unreadable(path_, errno);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  return filled;
}

std::string read_file(const std::filesystem::path& path, uint64_t limit) {
  InputFile file(path);
  // A file that grows meanwhile is refused, too.
  std::string content(std::min(file.size(), limit) + 1, '\0');
  content.resize(file.read(std::as_writable_bytes(std::span(content))));
  if (content.size() > limit || file.size() > limit) {
    throw_unreadable(path, fmt::format("it has more than {} bytes", limit));
  }
  return content;
}

}  // namespace relievo

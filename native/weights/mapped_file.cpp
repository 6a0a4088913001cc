#include "weights/mapped_file.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system_error.h"
#include "weights/mapped_region.h"

namespace relievo {
namespace {

[[noreturn]] void throw_unreadable(const std::filesystem::path& path, int error_number) {
  throw system_error(fmt::format("Cannot read '{}'", path.string()), error_number,
                     "Check that the file exists and that you may read it.");
}

Error damage(const std::filesystem::path& path) {
  return {ErrorCode::kIo,
          fmt::format("'{}' was cut, or its disk failed, while it was being read.", path.string()),
          "Fetch or copy the file again, and unload the models (or start again) before the next try."};
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK keeps a named pipe from being waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw_unreadable(path, errno);
  struct stat status {};
  int error_number = ::fstat(fd, &status) == 0 ? 0 : errno;
  if (error_number == 0 && !S_ISREG(status.st_mode)) error_number = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
  if (error_number == 0 && status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      error_number = errno;
    } else {
      bytes_ = {static_cast<const std::byte*>(data), size};
      region_ = watch(bytes_, path);
    }
  }
  ::close(fd);
  if (error_number != 0) throw_unreadable(path, error_number);
}

MappedFile::~MappedFile() {
  if (region_ == nullptr) return;
  unwatch(region_);
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::check() const {
  if (region_ != nullptr && is_damaged(region_)) throw damage(path_);
}

std::optional<Error> mapped_file_damage() {
  const auto path = damaged_file();
  return path ? std::optional(damage(*path)) : std::nullopt;
}

}  // namespace relievo

#include "weights/mapped_file.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system_error.h"

namespace relievo {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const auto fail = [&](int error_number) {
    throw system_error(fmt::format("Cannot read '{}'", path.string()), error_number,
                       "Check that the file exists and that you may read it.");
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(errno);
  struct stat status {};
  int error_number = ::fstat(fd, &status) == 0 ? 0 : errno;
  if (error_number == 0 && S_ISDIR(status.st_mode)) error_number = EISDIR;
  if (error_number == 0 && status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      error_number = errno;
    } else {
      bytes_ = {static_cast<const std::byte*>(data), size};
    }
  }
  ::close(fd);
  if (error_number != 0) fail(error_number);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace relievo

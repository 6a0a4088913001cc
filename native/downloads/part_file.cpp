#include "downloads/part_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void throw_io(const fs::path& path, int error_number) {
  throw Error(
      ErrorCode::kIo,
      fmt::format("Cannot write '{}': {}.", path.string(), std::generic_category().message(error_number)),
      error_number == ENOSPC || error_number == EDQUOT
          ? "The disk is full: free some space, or set RELIEVO_MODELS to a folder elsewhere. What is there "
            "will be resumed."
          : "Check that the folder may be written to, or set RELIEVO_MODELS to another.");
}

fs::path with_suffix(const fs::path& path, const char* suffix) {
  fs::path result = path;
  result += suffix;
  return result;
}

}  // namespace

PartFile::PartFile(const fs::path& destination)
    : destination_(destination),
      path_(with_suffix(destination, ".part")),
      notes_(with_suffix(destination, ".part.json")) {
  std::error_code error;
  fs::create_directories(destination.parent_path(), error);
  if (error) throw_io(destination, error.value());
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw_io(destination, errno);
  struct stat status {};
  const bool is_locked = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
  if (!is_locked || ::fstat(fd_, &status) != 0) {
    ::close(fd_);
    throw Error(ErrorCode::kIo, fmt::format("Another process is fetching '{}'.", destination.string()),
                "Wait for it to end.");
  }
  bytes_ = static_cast<uint64_t>(status.st_size);
}

PartFile::~PartFile() { ::close(fd_); }

void PartFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(destination_, errno);
    bytes_ += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void PartFile::clear() {
  if (::ftruncate(fd_, 0) != 0) throw_io(destination_, errno);
  bytes_ = 0;
}

void PartFile::finish() {
  if (::fsync(fd_) != 0) throw_io(destination_, errno);
  std::error_code error;
  fs::rename(path_, destination_, error);
  if (error) throw_io(destination_, error.value());
  fs::remove(notes_, error);
}

void PartFile::discard() {
  std::error_code ignored;
  fs::remove(notes_, ignored);
  fs::remove(path_, ignored);
}

std::string PartFile::validator(const std::string& url) const {
  const json notes = read_json_object_if_sound(notes_);
  if (notes.value("url", json()) != url) return {};
  const json value = notes.value("validator", json());
  return value.is_string() ? value.get<std::string>() : std::string();
}

void PartFile::note(const std::string& url, const std::string& validator) {
  const std::string text =
      json{{"url", url}, {"validator", validator}}.dump(-1, ' ', false, json::error_handler_t::replace);
  write_atomically(notes_, std::as_bytes(std::span(text)));
}

}  // namespace relievo

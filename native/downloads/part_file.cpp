#include "downloads/part_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void throw_io(const fs::path& path, int error_number) {
  throw Error(
      ErrorCode::kIo,
      fmt::format("Cannot write '{}': {}.", path.string(), std::generic_category().message(error_number)),
      error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG
          ? "The disk is full: free some space, or choose another folder. What is there will be resumed."
          : "Check that the folder may be written to, or choose another.");
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
  try {
    const auto locked = open_locked(path_);
    if (!locked) {
      throw Error(ErrorCode::kIo, fmt::format("Another process is fetching '{}'.", destination.string()),
                  "Wait for it to end: another Blender, or the program relievo.");
    }
    fd_ = *locked;
  } catch (const std::system_error& failure) {
    throw_io(destination, failure.code().value());
  }
  struct stat status {};
  if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd_);
    throw Error(ErrorCode::kIo, fmt::format("'{}' is not a file.", path_.string()), "Move it away.");
  }
  bytes_ = static_cast<uint64_t>(status.st_size);
}

PartFile::~PartFile() {
  if (bytes_ == 0 && has_name(fd_, path_)) discard();
  ::close(fd_);
}

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
  std::error_code ignored;
  fs::remove(notes_, ignored);
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

std::optional<PartOrigin> PartFile::origin(const std::string& url) const {
  const json notes = read_json_object_if_sound(notes_);
  if (notes.value("url", json()) != url) return std::nullopt;
  const json validator = notes.value("validator", json()), total = notes.value("total", json()),
             sha256 = notes.value("sha256", json());
  PartOrigin origin{url, {}, {}, {}};
  if (validator.is_string()) origin.validator = validator.get<std::string>();
  if (total.is_number_unsigned()) origin.total = total.get<uint64_t>();
  if (sha256.is_string()) origin.sha256 = sha256.get<std::string>();
  return origin;
}

void PartFile::note(const PartOrigin& origin) {
  json notes{{"url", origin.url}, {"validator", origin.validator}};
  if (origin.total) notes["total"] = *origin.total;
  if (origin.sha256) notes["sha256"] = *origin.sha256;
  const std::string text = notes.dump(-1, ' ', false, json::error_handler_t::replace);
  write_atomically(notes_, std::as_bytes(std::span(text)));
}

bool is_being_fetched(const fs::path& destination) { return is_locked(with_suffix(destination, ".part")); }

}  // namespace relievo

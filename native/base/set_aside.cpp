#include "base/set_aside.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Whether the name was free. Some file systems cannot rename without replacing; there it is looked up first.
bool rename_to_free_name(const fs::path& from, const fs::path& to) {
#ifdef RENAME_NOREPLACE
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
#endif
  std::error_code error;
  if (fs::symlink_status(to, error).type() != fs::file_type::not_found) return false;
  fs::rename(from, to, error);
  if (!error) return true;
  throw Error(ErrorCode::kIo,
              fmt::format("'{}' cannot be used, and cannot be renamed: {}.", from.string(), error.message()),
              "Move it away, or choose another folder.");
}

}  // namespace

fs::path set_aside(const fs::path& path) {
  for (int number = 1;; ++number) {
    const std::string word = number == 1 ? "damaged" : fmt::format("damaged_{}", number);
    fs::path aside = path;
    aside.replace_filename(fmt::format("{}.{}{}", path.stem().string(), word, path.extension().string()));
    if (rename_to_free_name(path, aside)) return aside;
  }
}

}  // namespace relievo

#include "engine/own_files.h"

#include <algorithm>

#include <sys/stat.h>

#include "files/source_mark.h"

namespace relievo {

namespace fs = std::filesystem;

KeptFiles::KeptFiles(const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    add(input);
    for (const fs::path& file : entries_of(input)) add(file);
  }
}

void KeptFiles::add(const fs::path& file) {
  struct stat found = {};
  if (::stat(file.c_str(), &found) == 0) identities_.emplace(found.st_dev, found.st_ino);
}

bool KeptFiles::contains(const fs::path& file) const {
  struct stat found = {};
  return ::stat(file.c_str(), &found) == 0 && identities_.contains({found.st_dev, found.st_ino});
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    found.push_back(entry->path());
  }
  return found;
}

OwnFiles::OwnFiles(const std::vector<fs::path>& inputs, std::vector<std::string> checksums)
    : kept_(inputs), checksums_(std::move(checksums)) {}

bool OwnFiles::contains(const fs::path& file) const {
  if (kept_.contains(file)) return false;
  const std::string mark = source_checksum(file);
  return !mark.empty() && std::find(checksums_.begin(), checksums_.end(), mark) != checksums_.end();
}

bool OwnFiles::may_be_written(const fs::path& file) const {
  std::error_code error;
  return fs::symlink_status(file, error).type() == fs::file_type::not_found || contains(file);
}

}  // namespace relievo

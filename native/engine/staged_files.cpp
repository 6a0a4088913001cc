#include "engine/staged_files.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/system_error.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_io(const fs::path& path, const std::error_code& error) {
  throw system_error(fmt::format("Cannot write '{}'", path.string()), error.value(),
                     "Check that the folder exists and that you may write to it.");
}

/// Names that were given to files; they are taken back unless they are kept.
class GivenNames {
 public:
  GivenNames() = default;
  GivenNames(const GivenNames&) = delete;
  GivenNames& operator=(const GivenNames&) = delete;
  ~GivenNames() {
    std::error_code ignored;
    for (const auto& [from, to] : files_) fs::rename(to, from, ignored);
    for (const fs::path& folder : folders_)
      fs::remove(folder, ignored);  // fails for a folder in which others have files
  }

  /// Returns false where something that is no folder has its name.
  bool make_folder(const fs::path& folder) {
    std::error_code error, ignored;
    if (fs::create_directory(folder, error)) folders_.push_back(folder);
    if (!error) return true;
    if (fs::symlink_status(folder, ignored).type() != fs::file_type::not_found) return false;
    throw_io(folder, error);
  }

  bool give(const fs::path& from, const fs::path& to) {
    if (!rename_to_free(from, to)) return false;
    files_.emplace_back(from, to);
    return true;
  }

  void keep() {
    files_.clear();
    folders_.clear();
  }

 private:
  std::vector<std::pair<fs::path, fs::path>> files_;
  std::vector<fs::path> folders_;
};

}  // namespace

StagedFiles::StagedFiles(fs::path folder, const std::string& name)
    : folder_(std::move(folder)), staging_(temporary_beside(folder_ / name)) {
  std::error_code error;
  if (!fs::create_directory(staging_, error)) throw_io(folder_ / name, error);
}

StagedFiles::~StagedFiles() {
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
}

fs::path StagedFiles::final_of(const fs::path& file) const {
  return folder_ / file.lexically_relative(staging_);
}

void StagedFiles::write(const std::function<std::vector<fs::path>(const fs::path& folder)>& write) {
  try {
    for (const fs::path& file : write(staging_)) {
      const bool is_new = std::find(files_.begin(), files_.end(), file) == files_.end();
      if (is_new) files_.push_back(file);
    }
  } catch (const Error& error) {
    const std::string place = staging_.string();
    std::string message = error.message();
    if (const size_t found = message.find(place); found != std::string::npos)
      message.replace(found, place.size(), folder_.string());
    throw Error(error.code(), message, error.hint());
  }
}

std::optional<std::vector<fs::path>> StagedFiles::publish(const OwnFiles& own) {
  GivenNames given;
  std::vector<fs::path> finals, replaced;
  for (const fs::path& file : files_) {
    const fs::path& place = finals.emplace_back(final_of(file));
    if (place.parent_path() != folder_ && !given.make_folder(place.parent_path())) return std::nullopt;
    if (given.give(file, place)) continue;
    if (!own.contains(place)) return std::nullopt;
    replaced.push_back(file);
  }
  for (const fs::path& file : replaced) {
    std::error_code error;
    fs::rename(file, final_of(file), error);
    if (error) throw_io(final_of(file), error);
  }
  given.keep();
  return finals;
}

}  // namespace relievo

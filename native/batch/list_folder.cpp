#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/system_error.h"
#include "batch/group_sides.h"
#include "batch/list_pictures.h"
#include "engine/clean_name.h"
#include "files/picture_kinds.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

using Identity = std::pair<dev_t, ino_t>;

Identity identity_of(const fs::path& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? Identity(found.st_dev, found.st_ino) : Identity();
}

std::string counted(size_t count, const std::string& one, const std::string& many) {
  return count == 1 ? "1 " + one : fmt::format("{} {}", count, many);
}

/// Counts the files that are passed over while folders are read.
class LeftOut {
 public:
  void add_file(const fs::path& path) {
    const std::string ending = path.extension().string();
    const bool is_plain =
        ending.size() > 1 && ending.size() <= 9 &&
        std::all_of(ending.begin() + 1, ending.end(), [](unsigned char c) { return std::isalnum(c); });
    ++files_[is_plain ? lower(ending) : ""];
  }
  size_t hidden = 0, dead_links = 0, folders = 0, folder_links = 0, special = 0;

  std::string sentence() const {
    std::vector<std::string> parts = kinds();
    const auto add = [&](size_t count, const char* one, const char* many) {
      if (count > 0) parts.push_back(counted(count, one, many));
    };
    add(hidden, "hidden file", "hidden files");
    add(dead_links, "link that leads nowhere", "links that lead nowhere");
    add(special, "entry that is no file", "entries that are no files");
    add(folder_links, "link to a folder", "links to folders");
    add(folders, "subfolder (--recursive takes its pictures in)",
        "subfolders (--recursive takes their pictures in)");
    return parts.empty() ? std::string() : fmt::format("Left out: {}.", fmt::join(parts, ", "));
  }

 private:
  static std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  }

  /// The most frequent kinds of files by name, and the others together.
  std::vector<std::string> kinds() const {
    constexpr size_t kMostKinds = 8;
    std::vector<std::pair<size_t, std::string>> ordered;
    size_t others = 0;
    for (const auto& [ending, count] : files_) {
      if (ending.empty()) {
        others += count;
      } else {
        ordered.emplace_back(count, ending);
      }
    }
    std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<std::string> parts;
    for (size_t i = 0; i < ordered.size(); ++i) {
      const auto& [count, ending] = ordered[i];
      if (i < kMostKinds) {
        parts.push_back(counted(count, ending + " file", ending + " files"));
      } else {
        others += count;
      }
    }
    if (others > 0) parts.push_back(counted(others, "other file", "other files"));
    return parts;
  }

  std::map<std::string, size_t> files_;  // number of files by ending
};

class Walk {
 public:
  Walk(const fs::path& output, bool recursive) : output_(identity_of(output)), recursive_(recursive) {}

  void visit(const fs::path& folder, const fs::path& relative) {
    folders_.insert(identity_of(folder));
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      visit_entry(entry->path(), relative);
    }
    if (!error) return;
    const Error why = system_error(fmt::format("Cannot read the folder '{}'", folder.string()), error.value(),
                                   "Check that the path is right and that you may read it.");
    if (relative.empty()) throw why;
    unreadable.emplace_back(folder, why);
  }

  bool has_visited(const fs::path& folder) const { return folders_.contains(identity_of(folder)); }

  LeftOut left_out;
  // Pictures and their folder, relative to the first.
  std::vector<std::pair<fs::path, fs::path>> pictures;
  std::vector<std::pair<fs::path, Error>> unreadable;

 private:
  void visit_entry(const fs::path& path, const fs::path& relative) {
    std::error_code error;
    const fs::file_type type = fs::status(path, error).type();
    const bool is_link = fs::is_symlink(path, error);
    const bool is_hidden = path.filename().string().starts_with('.');
    if (type == fs::file_type::directory) {
      if (is_hidden || identity_of(path) == output_) return;
      if (!recursive_) {
        ++left_out.folders;
      } else if (is_link) {
        ++left_out.folder_links;
      } else {
        visit(path, relative / path.filename());
      }
    } else if (is_hidden) {  // such as the ._ files of macOS
      ++left_out.hidden;
    } else if (is_link && type != fs::file_type::regular) {
      ++left_out.dead_links;
    } else if (type != fs::file_type::regular) {
      ++left_out.special;
    } else if (has_picture_ending(path)) {
      pictures.emplace_back(path, relative);
    } else {
      left_out.add_file(path);
    }
  }

  Identity output_;
  bool recursive_;
  std::set<Identity> folders_;
};

}  // namespace

PictureList list_folder(const fs::path& folder, const fs::path& output, bool recursive,
                        const Settings& settings, bool by_sides) {
  const Error among(ErrorCode::kInvalidSettings, "The results would lie among the pictures.",
                    "Choose another folder with -o.");
  std::error_code error;
  if (fs::equivalent(folder, output, error)) throw among;
  Walk walk(output, recursive);
  walk.visit(folder, {});
  std::sort(walk.pictures.begin(), walk.pictures.end());
  PictureList list;
  // Folders that differ only in case become one, because they may be one in the file system where the results
  // lie.
  std::map<std::string, fs::path> folders;
  for (const auto& [picture, relative] : walk.pictures) {
    const auto found = folders.emplace(folded_name(relative.string()), relative).first;
    list.pictures.push_back({picture.string(), found->second, picture.stem().string(), settings});
  }
  if (by_sides) {
    const size_t objects = group_sides(list.pictures);
    if (objects > 0)
      list.sides = counted(objects, "object has", "objects have") +
                   " pictures of several sides, as their names say (--no-sides keeps them apart).";
  }
  for (const auto& [unreadable, why] : walk.unreadable) {
    list.pictures.push_back({unreadable.string(), {}, unreadable.filename().string(), settings, why});
  }
  for (const auto& [folded, relative] : folders) {
    const fs::path results = output / relative;
    if (fs::exists(results, error) && walk.has_visited(results)) throw among;
  }
  list.left_out = walk.left_out.sentence();
  return list;
}

}  // namespace relievo

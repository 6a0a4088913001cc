#include "engine/result_names.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/clean_name.h"
#include "engine/own_files.h"
#include "files/source_mark.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

std::string frame_folder(const std::string& name) { return name + "_turntable"; }

/// The longest name, in bytes, that the folder's file system allows for a result.
size_t longest_name(fs::path folder) {
  std::error_code error;
  folder = fs::absolute(folder, error);
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  constexpr long kUsual = 255;
  const long most = ::pathconf(folder.c_str(), _PC_NAME_MAX);
  const long less = kUsual - std::clamp(most > 0 ? most : kUsual, 128L, kUsual);
  return kLongestName - static_cast<size_t>(less);
}

/// The files in the output folder, found by names of any case.
class Present {
 public:
  Present(const fs::path& folder, const std::vector<fs::path>& inputs) : inputs_(inputs) {
    for (const fs::path& file : entries_of(folder))
      files_[folded_name(file.filename().string())].push_back(file);
  }

  /// Returns whether a result made of one of these may write this file: the file does not exist, or such a
  /// result wrote it.
  bool may_be_written(const fs::path& file, const std::vector<std::string>& checksums) {
    const fs::path parent = file.parent_path();
    if (!parent.empty() && !find_frames(parent)) return false;
    const auto found = files_.find(folded_name(file.string()));
    if (found == files_.end()) return true;
    return std::all_of(found->second.begin(), found->second.end(), [&](const fs::path& path) {
      if (inputs_.contains(path)) return false;
      const auto [mark, is_new] = marks_.try_emplace(path.string());
      if (is_new) mark->second = source_checksum(path);
      return !mark->second.empty() &&
             std::find(checksums.begin(), checksums.end(), mark->second) != checksums.end();
    });
  }

 private:
  /// Reads the folders of this name, in any case. Returns false where one of them is not a folder.
  bool find_frames(const fs::path& parent) {
    const std::string folded = folded_name(parent.string());
    const auto [is_folder, is_new] = are_folders_.try_emplace(folded, true);
    if (!is_new) return is_folder->second;
    const auto present = files_.find(folded);
    if (present == files_.end()) return true;
    for (const fs::path& folder : std::vector<fs::path>(present->second)) {
      std::error_code error;
      is_folder->second = is_folder->second && fs::is_directory(folder, error);
      for (const fs::path& file : entries_of(folder)) {
        const fs::path place = parent / file.filename();
        files_[folded_name(place.string())].push_back(file);
      }
    }
    return is_folder->second;
  }

  KeptFiles inputs_;
  // By the file's folded name in the folder.
  std::unordered_map<std::string, std::vector<fs::path>> files_;
  std::unordered_map<std::string, bool> are_folders_;   // by folded name
  std::unordered_map<std::string, std::string> marks_;  // by path
};

class Namer {
 public:
  explicit Namer(const OutputFolder& output)
      : output_(output), longest_(longest_name(output.folder)), present_(output.folder, output.inputs) {
    for (const std::string& name : output.reserved) take(files_of(name));
  }

  std::string name(const NamedPicture& picture) {
    std::vector<std::string> checksums = picture.former;
    if (!picture.checksum.empty()) checksums.push_back(picture.checksum);
    const std::string wanted = clean_name(picture.name, longest_);
    // Numbers below this one are taken by this run, whatever picture comes.
    int& first = first_free_[folded_name(wanted)];
    for (int number = std::max(first, 1);; ++number) {
      const std::string name = number == 1 ? wanted : numbered(wanted, number);
      const std::vector<std::string> files = files_of(name);
      const bool is_of_run = std::any_of(files.begin(), files.end(),
                                         [&](const std::string& file) { return taken_.contains(file); });
      if (is_of_run) {
        if (number == std::max(first, 1)) first = number + 1;
        continue;
      }
      if (!is_free(name, checksums)) continue;
      take(files);
      return name;
    }
  }

 private:
  std::string numbered(const std::string& wanted, int number) const {
    const std::string ending = fmt::format("_{}", number);
    return clean_name(wanted, longest_ - ending.size()) + ending;
  }

  /// The folded names of a result's files. A turntable's frames lie in a folder of its own, which has one
  /// owner.
  std::vector<std::string> files_of(const std::string& name) const {
    Renders renders = output_.renders;
    renders.turntable = 0;
    std::vector<std::string> files;
    for (const fs::path& file : file_names(name, output_.formats, renders)) {
      files.push_back(folded_name(file.string()));
    }
    for (const std::string& file : {name, frame_folder(name), frame_folder(name) + ".webp"}) {
      files.push_back(folded_name(file));
    }
    return files;
  }

  void take(const std::vector<std::string>& files) { taken_.insert(files.begin(), files.end()); }

  bool is_free(const std::string& name, const std::vector<std::string>& checksums) {
    const auto files = file_names(name, output_.formats, output_.renders);
    return std::all_of(files.begin(), files.end(),
                       [&](const fs::path& file) { return present_.may_be_written(file, checksums); });
  }

  const OutputFolder& output_;
  size_t longest_;
  Present present_;
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int> first_free_;
};

}  // namespace

std::vector<fs::path> file_names(const std::string& name, const std::vector<std::string>& formats,
                                 const Renders& renders) {
  std::vector<fs::path> names;
  for (const std::string& format : formats) {
    names.emplace_back(name + "." + format);
    if (format != "obj") continue;
    for (const char* ending : {".mtl", "_albedo.png", "_normal.png"}) names.emplace_back(name + ending);
  }
  if (renders.sheet) names.emplace_back(name + "_sheet.png");
  if (renders.exr) names.emplace_back(name + ".exr");
  if (renders.turntable > 0) names.emplace_back(frame_folder(name) + ".webp");
  for (int i = 1; i <= renders.turntable; ++i) {
    names.push_back(fs::path(frame_folder(name)) /
                    fmt::format("{}_{:04}.{}", name, i, renders.exr ? "exr" : "png"));
  }
  return names;
}

std::vector<std::string> name_results(const std::vector<NamedPicture>& pictures, const OutputFolder& output) {
  Namer namer(output);
  std::vector<std::string> names(pictures.size());
  for (const bool keeps_name : {true, false}) {
    for (size_t i = 0; i < pictures.size(); ++i) {
      if (pictures[i].keeps_name == keeps_name) names[i] = namer.name(pictures[i]);
    }
  }
  return names;
}

}  // namespace relievo

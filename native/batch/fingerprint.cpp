#include "batch/fingerprint.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <unordered_map>

#include "base/input_file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "engine/engine.h"
#include "engine/own_view_json.h"
#include "engine/own_views.h"
#include "engine/unused_settings.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// SHA-256 of files, by path; empty for a file that cannot be read.
using Checksums = std::unordered_map<std::string, std::string>;

/// The views that a setting `views` stands for; the setting itself where it cannot be read, which makes its
/// own picture fail, later.
std::vector<OwnView> views_of(const std::vector<OwnView>& given) {
  try {
    return expand_views(given);
  } catch (const Error&) {
    return given;
  }
}

void add_files(const std::string& picture, const Settings& settings, std::set<std::string>& files) {
  files.insert(picture);
  if (settings.mask == MaskKind::kFile) files.insert(settings.mask_file);
  for (OwnView& view : views_of(settings.views)) {
    files.insert(std::move(view.picture));
    if (!view.mask.empty()) files.insert(std::move(view.mask));
  }
}

Checksums checksums_of(const std::set<std::string>& paths, const CancelToken& cancel) {
  const std::vector<std::string> files(paths.begin(), paths.end());
  std::vector<std::string> digests(files.size());
  parallel_for(static_cast<int64_t>(files.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto place = static_cast<size_t>(i);
      cancel.check();
      try {
        digests[place] = file_sha256(files[place], {{}, cancel});
      } catch (const Error& error) {
        // A file that cannot be read makes its own picture fail, later.
        if (error.code() != ErrorCode::kIo) throw;
      }
    }
  });
  Checksums checksums;
  for (size_t i = 0; i < files.size(); ++i) checksums.emplace(files[i], digests[i]);
  return checksums;
}

std::string digest_of(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return sha256(std::as_bytes(std::span(text)));
}

Fingerprint fingerprint(const std::string& picture, const Settings& settings, const WrittenFiles& written,
                        const Checksums& checksums) {
  Fingerprint print{checksums.at(picture), {}};
  bool is_readable = !print.picture.empty();
  json mask, views = json::array();
  if (settings.mask == MaskKind::kFile) {
    mask = checksums.at(settings.mask_file);
    is_readable = is_readable && mask != "";
  }
  const auto checksum_of = [&](const std::string& file) {
    const auto found = checksums.find(file);
    is_readable = is_readable && found != checksums.end() && !found->second.empty();
    return is_readable ? found->second : std::string();
  };
  for (OwnView& view : views_of(settings.views)) {
    view.picture = checksum_of(view.picture);
    if (!view.mask.empty()) view.mask = checksum_of(view.mask);
    views.push_back(json_of(view));
  }
  if (!is_readable) return print;
  // The key does not depend on where files lie.
  Settings plain = settings;
  plain.mask_file.clear();
  plain.views.clear();
  json own = parse_json(to_json(plain));
  // What has no effect makes nothing anew.
  for (const std::string& name : unused_settings(settings)) own.erase(name);
  print.key = digest_of({{"picture", print.picture},
                         {"mask", mask},
                         {"views", views},
                         {"settings", own},
                         {"formats", written.formats},
                         {"sheet", written.renders.sheet},
                         {"turntable", written.renders.turntable},
                         {"exr", written.renders.exr},
                         {"version", version()}});
  return print;
}

}  // namespace

std::vector<Fingerprint> fingerprints_of(const std::vector<ListedPicture>& pictures,
                                         const WrittenFiles& written, const CancelToken& cancel) {
  std::set<std::string> files;
  for (const ListedPicture& picture : pictures) add_files(picture.picture, picture.settings, files);
  const Checksums checksums = checksums_of(files, cancel);
  std::vector<Fingerprint> prints;
  for (const ListedPicture& picture : pictures) {
    prints.push_back(fingerprint(picture.picture, picture.settings, written, checksums));
  }
  return prints;
}

Fingerprint fingerprint_of(const BatchTask& task, const WrittenFiles& written) {
  std::set<std::string> files;
  add_files(task.picture, task.settings, files);
  return fingerprint(task.picture, task.settings, written, checksums_of(files, {}));
}

std::vector<fs::path> inputs_of(const std::vector<ListedPicture>& pictures) {
  std::set<std::string> inputs;
  for (const ListedPicture& picture : pictures) {
    inputs.insert(picture.picture);
    if (picture.settings.mask == MaskKind::kFile) inputs.insert(picture.settings.mask_file);
    for (const OwnView& view : picture.settings.views) {
      inputs.insert(view.picture);
      if (!view.mask.empty()) inputs.insert(view.mask);
    }
  }
  return {inputs.begin(), inputs.end()};
}

std::optional<JournalFile> describe_file(const fs::path& folder, const std::string& path) {
  try {
    return JournalFile{path, InputFile(folder / path).size(), file_sha256(folder / path)};
  } catch (const Error&) {
    return {};
  }
}

bool is_intact(const fs::path& folder, const JournalFile& file, const Control& control) {
  try {
    return InputFile(folder / file.path).size() == file.bytes &&
           file_sha256(folder / file.path, control) == file.sha256;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    return false;
  }
}

}  // namespace relievo

#include "downloads/store.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/sha256.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const CatalogueModel& model) { return models_folder() / model.name; }

bool is_weight_file(const fs::path& path) { return path.extension() != ".json"; }

/// The files that make up what installed_file() found: of an index, its parts too.
std::vector<fs::path> parts_of(const fs::path& file) {
  std::vector<fs::path> parts{file};
  if (!file.filename().string().ends_with(".index.json")) return parts;
  for (const auto& item : fs::directory_iterator(file.parent_path())) {
    const std::string extension = item.path().extension().string();
    if (item.is_regular_file() && (extension == ".safetensors" || extension == ".bin"))
      parts.push_back(item.path());
  }
  return parts;
}

FileRecord record_of(const fs::path& file, const std::string& source, const Control& control) {
  return {fs::file_size(file), file_sha256(file, Control{{}, control.cancel}), source};
}

void copy_in(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (fs::equivalent(from, to, error)) return;
  fs::create_directories(to.parent_path());
  write_atomically(to, [&](const fs::path& temporary) { fs::copy_file(from, temporary); });
}

/// The model and the file in it that a file of this name is.
std::pair<std::string, std::string> guess(const fs::path& source) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const CatalogueModel& model : catalogue()) {
    if (model.embedded) continue;
    for (const CatalogueFile& file : model.files) {
      if (fs::path(file.path).filename() == source.filename() && is_weight_file(file.path))
        found.emplace_back(model.name, file.path);
    }
  }
  if (found.size() == 1) return found.front();
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("'{}' does not tell which model it is.", source.filename().string()),
              "Say so: relievo models import FILE_OR_FOLDER --as NAME. The names: relievo models list.");
}

/// Which of a model's files a single file is: the one of that name, else the only one.
std::string path_for(const CatalogueModel& model, const fs::path& source) {
  for (const CatalogueFile& file : model.files) {
    if (fs::path(file.path).filename() == source.filename()) return file.path;
  }
  if (model.files.size() == 1) return model.files.front().path;
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("The model '{}' has several files, and none of them is called '{}'.", model.name,
                          source.filename().string()),
              "Import the folder that holds them all.");
}

/// Pairs of a source and a path in the model's folder.
using Copies = std::vector<std::pair<fs::path, std::string>>;

Copies copies_from_folder(const CatalogueModel& model, const fs::path& folder) {
  Copies copies;
  for (const CatalogueFile& file : model.files) {
    fs::path found = folder / file.path;
    if (!fs::is_regular_file(found)) {
      const bool is_component = file.path.find('/') != std::string::npos;
      found = is_component ? component_weights(found.parent_path()) : folder / fs::path(file.path).filename();
    }
    if (found.empty() || !fs::is_regular_file(found)) continue;
    const std::string inside = fs::path(file.path).parent_path().string();
    for (const fs::path& part : parts_of(found))
      copies.emplace_back(
          part, inside.empty() ? part.filename().string() : inside + "/" + part.filename().string());
  }
  if (copies.empty()) {
    throw Error(ErrorCode::kModelMissing,
                fmt::format("'{}' holds no file of the model '{}'.", folder.string(), model.name),
                "See its files: relievo models list --json.");
  }
  return copies;
}

const CatalogueFile* catalogue_file(const CatalogueModel& model, const std::string& path) {
  const auto found = std::find_if(model.files.begin(), model.files.end(),
                                  [&](const auto& file) { return file.path == path; });
  return found == model.files.end() ? nullptr : &*found;
}

}  // namespace

ModelState model_state(const CatalogueModel& model) {
  if (model.embedded) return ModelState::kEmbedded;
  const auto there = std::count_if(model.files.begin(), model.files.end(), [&](const CatalogueFile& file) {
    return !installed_file(model, file).empty();
  });
  if (there == static_cast<std::ptrdiff_t>(model.files.size())) return ModelState::kInstalled;
  return there > 0 ? ModelState::kPartial : ModelState::kMissing;
}

std::vector<std::string> fetch_model(const CatalogueModel& model, const std::vector<std::string>& from,
                                     const Control& control, const FileListener& listener) {
  std::vector<std::string> fetched;
  if (model.embedded) return fetched;
  const fs::path folder = folder_of(model);
  for (const CatalogueFile& file : model.files) {
    if (!installed_file(model, file).empty()) continue;
    const Download download{sources_of(model, file, from), folder / file.path, file.bytes, file.sha256};
    const FileRecord record = fetch_file(download, control, [&](uint64_t done, uint64_t total) {
      if (listener) listener(file.path, done, total);
    });
    auto records = read_records(folder);
    records[file.path] = record;
    write_records(folder, records);
    fetched.push_back(file.path);
  }
  return fetched;
}

std::vector<std::string> verify_model(const CatalogueModel& model, const Control& control) {
  const ModelFiles files = find_model(model.name);
  const auto records = read_records(files.folder);
  std::vector<std::string> unknown;
  const auto wrong = [&](const std::string& path, const std::string& reason) {
    return Error(ErrorCode::kModelCorrupt,
                 fmt::format("'{}' of the model '{}' {}.", path, model.name, reason),
                 fmt::format("Run: relievo models remove {0}, then relievo models fetch {0}", model.name));
  };
  for (const auto& [path, installed] : files.files) {
    for (const fs::path& part : parts_of(installed)) {
      const std::string name = fs::relative(part, files.folder).generic_string();
      const CatalogueFile* published = catalogue_file(model, name);
      const auto record = records.find(name);
      const bool is_recorded = record != records.end();
      // An imported file may differ from the published one by the person's own wish: its record says what it
      // was.
      uint64_t bytes = published ? published->bytes.value_or(0) : 0;  // 0: not known
      std::string digest = published ? published->sha256.value_or("") : "";
      if (is_recorded) {
        bytes = record->second.bytes;
        digest = record->second.sha256;
      }
      if (digest.empty()) unknown.push_back(name);
      const uint64_t size = fs::file_size(part);
      if (bytes > 0 && size != bytes)
        throw wrong(name, fmt::format("has {} bytes instead of {}", size, bytes));
      if (!digest.empty() && file_sha256(part, Control{{}, control.cancel}) != digest)
        throw wrong(name, "has changed since it came (SHA-256)");
    }
    if (is_weight_file(path))
      read_weights(installed.filename().string().ends_with(".index.json") ? installed.parent_path()
                                                                          : installed);
  }
  return unknown;
}

Imported import_model(const fs::path& source, const std::string& name, const Control& control) {
  if (!fs::exists(source)) {
    throw Error(ErrorCode::kIo, fmt::format("There is no '{}'.", source.string()),
                "Name a weight file or a folder.");
  }
  const bool is_folder = fs::is_directory(source);
  if (name.empty() && is_folder && !fs::exists(source / "model_index.json")) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("'{}' does not tell which model it is.", source.string()),
                "Say so: relievo models import FOLDER --as NAME. The names: relievo models list.");
  }
  // The only diffusers model there is.
  constexpr const char* kDiffusersModel = "zero123plus-v1.2";
  const CatalogueModel& model = catalogue_model(!name.empty() ? name
                                                : is_folder   ? kDiffusersModel
                                                              : guess(source).first);
  if (model.embedded) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The model '{}' comes with the program.", model.name),
                "Choose another --as NAME.");
  }
  const Copies copies =
      is_folder ? copies_from_folder(model, source) : Copies{{source, path_for(model, source)}};
  for (const auto& [from, path] : copies) {
    const bool is_part = std::any_of(copies.begin(), copies.end(), [&](const auto& copy) {
      return copy.second.ends_with(".index.json") &&
             fs::path(copy.second).parent_path() == fs::path(path).parent_path();
    });
    if (is_weight_file(from) && !is_part) read_weights(from);
    if (from.filename().string().ends_with(".index.json")) read_weights(from.parent_path());
    control.cancel.check();
  }
  const fs::path folder = folder_of(model);
  Imported imported{model.name, {}, {}};
  auto records = read_records(folder);
  for (const auto& [from, path] : copies) {
    control.cancel.check();
    copy_in(from, folder / path);
    records[path] = record_of(folder / path, from.string(), control);
    const CatalogueFile* published = catalogue_file(model, path);
    if (published && published->sha256 && *published->sha256 != records[path].sha256)
      imported.unpublished.push_back(path);
    imported.paths.push_back(path);
  }
  write_records(folder, records);
  return imported;
}

bool remove_model(const CatalogueModel& model) {
  if (model.embedded) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The model '{}' comes with the program.", model.name), "It cannot be removed.");
  }
  return fs::remove_all(folder_of(model)) > 0;
}

}  // namespace relievo

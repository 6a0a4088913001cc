#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/sha256.h"
#include "downloads/model_files.h"
#include "downloads/store.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

// Folders are searched this many levels below the one that a person names.
constexpr int kDepth = 4;
constexpr size_t kMostFiles = 100'000;

/// A file to copy, and its path in the model's folder.
struct Copy {
  fs::path from;
  std::string path;
};

/// Disk files need no network.
class NoTransport : public Transport {
 public:
  Transfer run(const HttpRequest&, HttpReceiver&) override {
    return {TransferEnd::kHopeless, "there is no network here"};
  }
};

[[noreturn]] void throw_unnamed(const fs::path& source) {
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("'{}' does not tell which model it is.", source.filename().string()),
              "Name the model with --as NAME; `relievo models list` shows the names.");
}

/// Guesses the model that a file of this name belongs to.
std::string guess(const fs::path& source) {
  std::vector<std::string> found;
  for (const CatalogueModel& model : catalogue()) {
    if (model.embedded) continue;
    for (const CatalogueFile& file : model.files) {
      if (fs::path(file.path).filename() == source.filename() && kind_of(file.path) == FileKind::kWeights)
        found.push_back(model.name);
    }
  }
  if (found.size() != 1) throw_unnamed(source);
  return found.front();
}

/// The path that a single file gets in a model: that of the same name, else the only one.
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

/// The files below a folder, those with the shortest paths first.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && at != end && files.size() < kMostFiles; at.increment(error)) {
    std::error_code unreadable;
    if (at->is_directory(unreadable) && at.depth() >= kDepth) at.disable_recursion_pending();
    if (at->is_regular_file(unreadable)) files.push_back(at->path().lexically_relative(folder));
  }
  std::stable_sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const auto length = [](const fs::path& path) { return std::distance(path.begin(), path.end()); };
    return std::pair(length(a), a) < std::pair(length(b), b);
  });
  return files;
}

bool ends_in(const fs::path& path, const std::string& end) {
  return ("/" + path.generic_string()).ends_with("/" + end);
}

std::vector<Copy> copies_from_folder(const CatalogueModel& model, const fs::path& folder) {
  const std::vector<fs::path> files = files_below(folder);
  std::vector<Copy> copies;
  for (const CatalogueFile& file : model.files) {
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const auto& path) { return ends_in(path, file.path); });
    if (found != files.end()) {
      copies.push_back({folder / *found, file.path});
      continue;
    }
    // The folder may hold the same weights under another of the published names, perhaps in several files.
    const std::string component = fs::path(file.path).parent_path().generic_string();
    if (component.empty()) continue;
    const auto beside = std::find_if(files.begin(), files.end(), [&](const fs::path& path) {
      return ends_in(path.parent_path(), component) &&
             !component_weights(folder / path.parent_path()).empty();
    });
    if (beside == files.end()) continue;
    for (const fs::path& part : parts_of(component_weights(folder / beside->parent_path())))
      copies.push_back({part, component + "/" + part.filename().string()});
  }
  if (copies.empty() && model.files.size() == 1) {
    std::vector<fs::path> weights;
    std::copy_if(files.begin(), files.end(), std::back_inserter(weights),
                 [](const fs::path& file) { return kind_of(file) == FileKind::kWeights; });
    if (weights.size() == 1) copies.push_back({folder / weights.front(), model.files.front().path});
  }
  if (copies.empty()) {
    std::string names;
    for (const CatalogueFile& file : model.files) names += (names.empty() ? "" : ", ") + file.path;
    throw Error(ErrorCode::kModelMissing,
                fmt::format("'{}' holds no file of the model '{}'.", folder.string(), model.name),
                fmt::format("The model consists of {}.", names));
  }
  return copies;
}

/// Reads all files strictly, so that errors are thrown before anything is copied.
void read_all(const std::vector<Copy>& copies, const Control& control) {
  for (const Copy& copy : copies) {
    control.cancel.check();
    const bool is_part = std::any_of(copies.begin(), copies.end(), [&](const Copy& other) {
      return other.path.ends_with(".index.json") && other.from.parent_path() == copy.from.parent_path();
    });
    if (copy.path.ends_with(".index.json")) {
      read_weights(copy.from.parent_path());
    } else if (!is_part && kind_of(copy.path) == FileKind::kWeights) {
      read_weights(copy.from);
    }
  }
}

const CatalogueModel& model_of(const fs::path& source, const std::string& name) {
  // There is only one diffusers model.
  constexpr const char* kDiffusersModel = "zero123plus-v1.2";
  const bool is_folder = fs::is_directory(source);
  if (name.empty() && is_folder && !fs::exists(source / "model_index.json")) throw_unnamed(source);
  const CatalogueModel& model = catalogue_model(!name.empty() ? name
                                                : is_folder   ? std::string(kDiffusersModel)
                                                              : guess(source));
  if (model.embedded) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The model '{}' comes with Relievo and cannot be imported.", model.name),
                "Choose another model.");
  }
  return model;
}

}  // namespace

Imported import_model(const fs::path& source, const std::string& name, const Control& control,
                      const ModelListener& listener) {
  std::error_code error;
  if (!fs::exists(source, error)) {
    throw Error(ErrorCode::kIo, fmt::format("There is no '{}'.", source.string()),
                "Name a weight file or a folder.");
  }
  const CatalogueModel& model = model_of(source, name);
  const std::vector<Copy> copies = fs::is_directory(source)
                                       ? copies_from_folder(model, source)
                                       : std::vector{Copy{source, path_for(model, source)}};
  read_all(copies, control);
  const fs::path folder = models_folder() / model.name;
  Imported imported{model.name, {}, {}};
  NoTransport transport;
  for (const Copy& copy : copies) {
    const fs::path to = folder / copy.path;
    const auto tell = [&](FetchPhase phase, uint64_t done, uint64_t total) {
      if (listener) listener(copy.path, phase, done, total);
    };
    FileRecord record = fs::equivalent(copy.from, to, error)
                            ? FileRecord{fs::file_size(to), file_sha256(to, control), copy.from.string()}
                            : fetch_file({{copy.from.string()}, to}, {transport, control, tell});
    const CatalogueFile* published = catalogue_file(model, copy.path);
    if (published && published->sha256) {
      const bool is_published = *published->sha256 == record.sha256;
      if (is_published) record.voucher = Voucher::kCatalogue;
      if (!is_published) imported.unpublished.push_back(copy.path);
    }
    note_record(folder, copy.path, record);
    imported.paths.push_back(copy.path);
  }
  return imported;
}

}  // namespace relievo

#include "downloads/store.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/sha256.h"
#include "downloads/content.h"
#include "downloads/model_files.h"
#include "downloads/part_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kStates{"missing", "partial", "installed", "embedded"};

fs::path folder_of(const CatalogueModel& model) { return models_folder() / model.name; }

Error wrong(const CatalogueModel& model, const std::string& path, const std::string& problem) {
  return {ErrorCode::kModelCorrupt, fmt::format("'{}' of the model '{}': {}.", path, model.name, problem),
          "Fetch the model again: what is wrong is replaced then."};
}

/// Returns whether there is a digest to compare the file with. Throws Error{kModelCorrupt} when it differs,
/// or when the file cannot be read as its kind.
bool verify_file(const CatalogueModel& model, const fs::path& folder, const fs::path& file,
                 const std::map<std::string, FileRecord>& records, const Control& control,
                 const ModelListener& listener) {
  const std::string path = file.lexically_relative(folder).generic_string();
  // An imported file may differ from the published one because the person wants it so; its record says what
  // it was.
  std::optional<uint64_t> bytes;
  std::optional<std::string> digest;
  if (const auto record = records.find(path); record != records.end()) {
    bytes = record->second.bytes;
    digest = record->second.sha256;
  } else if (const CatalogueFile* published = catalogue_file(model, path)) {
    bytes = published->bytes;
    digest = published->sha256;
  }
  const uint64_t size = fs::file_size(file);
  if (bytes && size != *bytes)
    throw wrong(model, path, fmt::format("it has {} bytes instead of {}", size, *bytes));
  const Progress progress([&](double fraction) {
    if (listener) listener(path, FetchPhase::kChecking, static_cast<uint64_t>(fraction * size), size);
  });
  if (digest && file_sha256(file, Control{progress, control.cancel}) != *digest)
    throw wrong(model, path, "it has changed since it came (SHA-256)");
  const std::string problem = why_not_of_kind(file, file, kind_of(file));
  if (!problem.empty()) throw wrong(model, path, problem);
  return digest.has_value();
}

/// Returns whether the model's file is there and intact.
bool is_sound(const CatalogueModel& model, const fs::path& installed, const ModelContext& context) {
  if (installed.empty()) return false;
  const fs::path folder = folder_of(model);
  const auto records = read_records(folder);
  try {
    for (const fs::path& part : parts_of(installed))
      verify_file(model, folder, part, records, context.control, context.listener);
    read_whole(installed);
    return true;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    return false;
  }
}

Download download_of(const CatalogueModel& model, const CatalogueFile& file,
                     const std::vector<std::string>& from) {
  Download download{sources_of(model, file, from), folder_of(model) / file.path, file.bytes, {}};
  download.kind = kind_of(file.path);
  if (const auto known = known_checksum(file)) {
    download.sha256 = known->sha256;
    download.voucher = known->voucher;
  }
  return download;
}

uint64_t bytes_of_part(const fs::path& destination) {
  fs::path part = destination;
  part += ".part";
  std::error_code error;
  const uintmax_t bytes = fs::file_size(part, error);
  return error ? 0 : bytes;
}

/// Returns the size as far as it is known without asking a server: to the byte, or about.
std::optional<uint64_t> expected_bytes(const CatalogueFile& file) {
  if (file.bytes) return file.bytes;
  const auto known = known_checksum(file);
  return known && known->bytes > 0 ? known->bytes : file.about;
}

/// Returns the room on the disk where the models are, or will be; nothing where the system does not tell.
std::optional<uint64_t> free_bytes() {
  fs::path folder = models_folder();
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  const fs::space_info space = fs::space(folder, error);
  if (error) return std::nullopt;
  return space.available;
}

/// One file that is to be fetched.
struct Wanted {
  const CatalogueModel& model;
  const CatalogueFile& file;
  Download download;
  uint64_t bytes;  // 0 where it is not known
};

/// Throws Error{kIo} unless the disk has room for all whose size is known.
void check_space_for(const std::vector<Wanted>& wanted) {
  uint64_t needed = 0;
  for (const Wanted& each : wanted)
    needed += each.bytes - std::min(each.bytes, bytes_of_part(each.download.destination));
  const auto free = free_bytes();
  if (!free || *free >= needed) return;
  throw Error(ErrorCode::kIo,
              fmt::format("'{}' needs {:.2f} GB more, and {:.2f} GB are free.", models_folder().string(),
                          static_cast<double>(needed) / 1e9, static_cast<double>(*free) / 1e9),
              "Free some space, or choose a folder on another disk.");
}

std::vector<Wanted> wanted_of(const std::vector<std::string>& models, const ModelContext& context) {
  std::vector<Wanted> wanted;
  for (const std::string& name : models) {
    const CatalogueModel& model = catalogue_model(name);
    for (const CatalogueFile& file : model.files) {
      if (model.embedded || is_sound(model, installed_file(model, file), context)) continue;
      wanted.push_back(
          {model, file, download_of(model, file, context.from), expected_bytes(file).value_or(0)});
    }
  }
  return wanted;
}

/// Makes a listener that adds what one file's download tells to what has come of the files before it.
FetchListener in_all(std::vector<Wanted>& wanted, size_t now, const ModelListener& listener) {
  if (!listener) return {};
  return [&wanted, now, &listener](FetchPhase phase, uint64_t done, uint64_t total) {
    Wanted& file = wanted[now];
    if (total > 0) file.bytes = total;  // exact from now on
    uint64_t before = 0, all = 0;
    bool is_known = true;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (i < now) before += wanted[i].bytes;
      all += wanted[i].bytes;
      is_known = is_known && wanted[i].bytes > 0;
    }
    // A file that is being checked has come completely.
    listener(file.file.path, phase, before + (phase == FetchPhase::kChecking ? total : done),
             is_known ? all : 0);
  };
}

}  // namespace

std::string_view state_name(ModelState state) { return kStates.at(static_cast<size_t>(state)); }

ModelState model_state(const CatalogueModel& model) {
  if (model.embedded) return ModelState::kEmbedded;
  const auto there = std::count_if(model.files.begin(), model.files.end(), [&](const CatalogueFile& file) {
    return !installed_file(model, file).empty();
  });
  if (there == static_cast<std::ptrdiff_t>(model.files.size())) return ModelState::kInstalled;
  return there > 0 ? ModelState::kPartial : ModelState::kMissing;
}

std::optional<FileRecord> known_checksum(const CatalogueFile& file) {
  if (file.sha256) return FileRecord{file.bytes.value_or(0), *file.sha256, file.url, Voucher::kCatalogue};
  auto known = remembered_checksum(file.url);
  if (known) known->voucher = std::min(known->voucher, Voucher::kServer);
  return known;
}

ModelTotal total_of(const std::vector<std::string>& models) {
  ModelTotal total{.files = 0, .bytes = 0, .bytes_there = 0, .bytes_free = free_bytes()};
  for (const std::string& name : models) {
    const CatalogueModel& model = catalogue_model(name);
    for (const CatalogueFile& file : model.files) {
      ++total.files;
      std::optional<uint64_t> bytes = expected_bytes(file);
      if (const fs::path installed = installed_file(model, file); !installed.empty()) {
        uint64_t there = 0;
        std::error_code gone;
        for (const fs::path& part : parts_of(installed)) {
          const uintmax_t size = fs::file_size(part, gone);
          there += gone ? 0 : size;
        }
        total.bytes_there += there;
        bytes = there;
      } else {
        const uint64_t part = bytes_of_part(folder_of(model) / file.path);
        total.bytes_there += bytes ? std::min(part, *bytes) : part;
      }
      if (bytes && total.bytes) {
        *total.bytes += *bytes;
      } else {
        total.bytes.reset();
      }
    }
  }
  return total;
}

std::vector<Fetched> fetch_models(const std::vector<std::string>& models, const ModelContext& context) {
  std::vector<Wanted> wanted = wanted_of(models, context);
  check_space_for(wanted);
  std::vector<Fetched> fetched;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto& [model, file, download, bytes] = wanted[i];
    const fs::path replaced = installed_file(model, file);
    const FileRecord record = fetch_file(download, {context.transport, context.control,
                                                    in_all(wanted, i, context.listener), context.patience});
    // A wrong file under another of the published names would be read first, so it is removed.
    std::error_code ignored;
    if (!replaced.empty() && replaced != download.destination) fs::remove(replaced, ignored);
    note_record(folder_of(model), file.path, record);
    if (!file.sha256) remember_checksum(file.url, record);
    wanted[i].bytes = record.bytes;
    fetched.push_back({model.name, file.path, record.voucher});
  }
  return fetched;
}

std::optional<uint64_t> size_of_missing(const CatalogueModel& model, const ModelContext& context) {
  uint64_t sum = 0;
  for (const CatalogueFile& file : model.files) {
    if (model.embedded || !installed_file(model, file).empty()) continue;
    const Download download = download_of(model, file, context.from);
    const auto bytes =
        download.bytes
            ? download.bytes
            : size_of_file(download.sources, {context.transport, context.control, {}, context.patience});
    if (!bytes) return std::nullopt;
    sum += *bytes;
  }
  return sum;
}

std::vector<std::string> verify_model(const CatalogueModel& model, const Control& control,
                                      const ModelListener& listener) {
  const ModelFiles files = find_model(model.name);
  const auto records = read_records(files.folder);
  std::vector<std::string> unknown;
  for (const auto& [path, installed] : files.files) {
    for (const fs::path& part : parts_of(installed)) {
      if (!verify_file(model, files.folder, part, records, control, listener))
        unknown.push_back(part.lexically_relative(files.folder).generic_string());
    }
    read_whole(installed);
  }
  return unknown;
}

bool remove_model(const CatalogueModel& model) {
  if (model.embedded) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The model '{}' comes with Relievo and cannot be removed.", model.name),
                "Choose another model.");
  }
  const fs::path folder = folder_of(model);
  for (const CatalogueFile& file : model.files) {
    if (is_being_fetched(folder / file.path)) {
      throw Error(ErrorCode::kIo, fmt::format("Another process is fetching the model '{}'.", model.name),
                  "Wait for it to end, or cancel it: another Blender, or the program relievo.");
    }
  }
  return fs::remove_all(folder) > 0;
}

}  // namespace relievo

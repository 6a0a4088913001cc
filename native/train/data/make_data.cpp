#include "train/data/make_data.h"

#include <fstream>
#include <mutex>
#include <set>
#include <span>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "train/data/random.h"
#include "train/data/six_views.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void write_text(const fs::path& path, const std::string& text) {
  write_atomically(path, std::as_bytes(std::span(text)));
}

/// Bad UTF-8 in a name is replaced: the list is for people too.
std::string line_of(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

void check_settings(const fs::path& folder, const DataSettings& settings) {
  json wanted = {{"format", 1},
                 {"views", settings.samples.views},
                 {"picture_side", settings.samples.picture_side},
                 {"depth_side", settings.samples.depth_side},
                 {"seed", settings.seed}};
  if (settings.samples.six_views) wanted["six_views"] = true;
  const fs::path path = folder / "data.json";
  if (!fs::exists(path)) return write_text(path, wanted.dump(2) + "\n");
  if (read_json_object_if_sound(path) != wanted) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The folder '{}' was made with other settings than now.", folder.string()),
                "Use those of its data.json, or another folder.");
  }
}

class Refused {
 public:
  Refused(fs::path path, bool is_forgotten) : path_(std::move(path)) {
    if (is_forgotten) fs::remove(path_);
    if (!fs::exists(path_)) return;
    std::istringstream lines(read_file(path_, uint64_t{1} << 30));
    for (std::string line; std::getline(lines, line);) {
      try {
        names_.insert(parse_json(line).at("name").get<std::string>());
      } catch (const std::exception&) {
        // A line that a killed process did not finish: the object is tried again.
      }
    }
  }

  bool contains(const std::string& name) const { return names_.contains(name); }

  void add(const std::string& name, const Error& error) {
    std::ofstream file(path_, std::ios::app);
    file << line_of({{"name", name}, {"reason", error.message()}}) << std::flush;
    if (!file) {
      throw Error(ErrorCode::kIo, fmt::format("'{}' cannot be written.", path_.string()),
                  "Free some space on the disk.");
    }
  }

 private:
  fs::path path_;
  std::set<std::string> names_;
};

/// Makes an object's samples; the returned function writes them.
std::function<void()> samples_of(Object& object, const DataSettings& settings, uint64_t seed,
                                 const fs::path& path, const CancelToken& cancel) {
  if (settings.samples.six_views) {
    return [path, samples = make_six_views(object, settings.samples, seed, cancel)] {
      write_six_views(path, samples);
    };
  }
  return [path, views = make_samples(object, settings.samples, seed, cancel)] { write_samples(path, views); };
}

void write_list(const fs::path& path, const std::vector<ObjectEntry>& objects) {
  std::string text;
  for (const ObjectEntry& entry : objects) {
    const Origin& o = entry.origin;
    text += line_of({{"name", o.name},
                     {"source", o.source},
                     {"family", o.family},
                     {"licence", o.licence},
                     {"author", o.author},
                     {"part", part_name(part_of(o))}});
  }
  write_text(path, text);
}

}  // namespace

DataCounts make_data(const std::vector<ObjectEntry>& objects, const fs::path& folder,
                     const DataSettings& settings, const CancelToken& cancel,
                     const std::function<void(const DataCounts&)>& on_object) {
  std::error_code failure;
  fs::create_directories(folder / "samples", failure);
  if (failure) {
    throw Error(ErrorCode::kIo,
                fmt::format("The folder '{}' cannot be made: {}.", folder.string(), failure.message()),
                "Name a folder that can be written.");
  }
  const FileLock lock(folder / "data.lock",
                      {fmt::format("The folder '{}'", folder.string()), "Wait until that process is done."});
  check_settings(folder, settings);
  write_list(folder / "objects.jsonl", objects);
  Refused refused(folder / "refused.jsonl", settings.retry_refused);

  DataCounts counts{.total = static_cast<int>(objects.size())};
  std::vector<const ObjectEntry*> missing;
  const auto file_of = [&](const ObjectEntry& entry) {
    return folder / "samples" / (entry.origin.name + ".safetensors");
  };
  for (const ObjectEntry& entry : objects) {
    if (fs::exists(file_of(entry))) {
      ++counts.kept;
    } else if (refused.contains(entry.origin.name)) {
      ++counts.refused;
    } else {
      missing.push_back(&entry);
    }
  }
  std::mutex mutex;
  const int threads_before = parallel_threads();
  set_parallel_threads(settings.threads);
  const auto make_one = [&](const ObjectEntry& entry) {
    std::function<void()> write;
    std::optional<Error> why;
    try {
      Object object = entry.load();
      write = samples_of(object, settings, seed_of(entry.origin.name, settings.seed), file_of(entry), cancel);
    } catch (...) {
      why = current_error();
      if (why->code() == ErrorCode::kCancelled) throw;
    }
    if (!why) write();
    const std::lock_guard guard(mutex);
    if (why) refused.add(entry.origin.name, *why);
    ++(why ? counts.refused : counts.made);
    if (on_object) on_object(counts);
  };
  std::exception_ptr error;
  try {
    parallel_for(static_cast<int64_t>(missing.size()), 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        cancel.check();
        const std::lock_guard guard(mutex);
        if (error) return;  // a disk that is full stays full
      }
      for (int64_t i = first; i < last; ++i) {
        try {
          make_one(*missing[i]);
        } catch (...) {
          const std::lock_guard guard(mutex);
          if (!error) error = std::current_exception();
        }
      }
    });
  } catch (...) {
    error = std::current_exception();
  }
  set_parallel_threads(threads_before);
  if (error) std::rethrow_exception(error);
  return counts;
}

}  // namespace relievo

#include "runtime/costs/cost_store.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/log.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json to_json(const CostSample& sample) {
  return {{"stage", sample.stage},
          {"variant", sample.variant},
          {"size", sample.size},
          {"precision", sample.mode.precision},
          {"chunked", sample.mode.chunked},
          {"tiled", sample.mode.tiled},
          {"input_scale", sample.mode.input_scale},
          {"streamed", sample.mode.streamed},
          {"batch", sample.batch},
          {"threads", sample.threads},
          {"speed", sample.speed},
          {"weight_bytes", sample.weight_bytes},
          {"workspace_bytes", sample.workspace_bytes},
          {"output_bytes", sample.output_bytes},
          {"seconds", sample.seconds},
          {"load_seconds", sample.load_seconds},
          {"first_load_seconds", sample.first_load_seconds},
          {"has_bytes", sample.has_bytes},
          {"runs", sample.runs}};
}

ExecutionMode mode_from_json(const json& value) {
  ExecutionMode mode;
  mode.precision = value.at("precision");
  if (const auto rung = value.find("rung"); rung != value.end()) {  // written by version 0.1.0
    const std::string name = *rung;
    mode.chunked = name != "full";
    mode.tiled = mode.chunked && name != "chunks";
    mode.input_scale = name == "smaller_input" ? 0.8 : 1;
  } else {
    mode.chunked = value.at("chunked");
    mode.tiled = value.at("tiled");
    mode.input_scale = value.at("input_scale");
    mode.streamed = value.value("streamed", false);
  }
  return mode;
}

CostSample from_json(const json& value) {
  CostSample sample;
  sample.stage = value.at("stage");
  sample.variant = value.at("variant");
  sample.size = value.at("size");
  sample.mode = mode_from_json(value);
  sample.batch = value.at("batch");
  sample.threads = value.at("threads");
  sample.speed = value.at("speed");
  sample.weight_bytes = value.at("weight_bytes");
  sample.workspace_bytes = value.at("workspace_bytes");
  sample.output_bytes = value.at("output_bytes");
  sample.seconds = value.at("seconds");
  sample.load_seconds = value.value("load_seconds", 0.0);
  sample.first_load_seconds = value.value("first_load_seconds", 0.0);
  sample.has_bytes = value.value("has_bytes", true);
  sample.runs = value.value("runs", 1);
  return sample;
}

/// Writes the file and makes its folder. The file is never half-written. Throws Error{kIo}.
void write_cache(const fs::path& path, const json& object) {
  std::error_code error;  // the writing reports errors
  fs::create_directories(path.parent_path(), error);
  const std::string text = object.dump(1) + '\n';
  write_atomically(path, std::as_bytes(std::span(text)));
}

/// The sample `old` with one more call, whose seconds count as one of the last few.
CostSample mean_with(const CostSample& old, const CostSample& more) {
  constexpr int kFew = 4;
  CostSample mean = old;
  mean.runs = std::min(old.runs + 1, kFew);
  const auto add = [&](double& seconds, double added) {
    if (added <= 0) return;
    seconds = seconds > 0 ? seconds + (added - seconds) / mean.runs : added;
  };
  mean.speed = more.speed;  // what was expected of the device may have been another then
  add(mean.seconds, more.seconds);
  add(mean.load_seconds, more.load_seconds);
  add(mean.first_load_seconds, more.first_load_seconds);
  return mean;
}

/// The samples with those of further calls.
std::vector<CostSample> with_means(std::vector<CostSample> kept, const std::vector<CostSample>& calls) {
  for (CostSample sample : calls) {
    const auto old =
        std::ranges::find_if(kept, [&](const CostSample& one) { return is_same_call(one, sample); });
    if (old != kept.end()) {
      sample = mean_with(*old, sample);
      kept.erase(old);
    }
    kept.push_back(std::move(sample));
  }
  return kept;
}

MeasuredCosts read_samples(const fs::path& path) {
  MeasuredCosts all;
  const json file = read_json_object_if_sound(path);
  for (const auto& [device, values] : file.items()) {
    try {
      std::vector<CostSample> samples;
      for (const json& value : values) samples.push_back(from_json(value));
      all[device] = std::move(samples);
    } catch (const json::exception&) {  // a device whose samples cannot be read counts as not measured
    }
  }
  return all;
}

/// Reads the file, has `change` change it, and writes it, while no other process does so. A device has its
/// oldest samples first; of very many, these are dropped. Throws Error{kIo}.
void change_samples(const fs::path& path, const std::function<void(MeasuredCosts&)>& change) {
  constexpr size_t kMost = 400;
  std::error_code error;  // the writing reports errors
  fs::create_directories(path.parent_path(), error);
  std::optional<FolderLock> lock;
  if (fs::is_directory(path.parent_path(), error)) lock.emplace(path.parent_path());
  MeasuredCosts all = read_samples(path);
  change(all);
  json object = json::object();
  for (auto& [device, samples] : all) {
    if (samples.size() > kMost) samples.erase(samples.begin(), samples.end() - kMost);
    object[device] = json::array();
    for (const CostSample& sample : samples) object[device].push_back(to_json(sample));
  }
  write_cache(path, object);
}

void tell_unwritten(const char* why) noexcept {
  try {
    log(LogLevel::kWarning, fmt::format("What the stages took cannot be kept for later plans: {}", why));
  } catch (...) {  // there is no memory, not even to say so
  }
}

constexpr int64_t kWeek = 7 * 24 * 3600;

/// What a limit is of, whichever worker it is.
std::string of_mode(const StageProfile& stage, const StageMode& mode) {
  return fmt::format("/{}/{}/{}/{}", stage.name, stage.variant, mode_name(mode.execution),
                     mode.execution.precision);
}

std::string key(const Worker& worker, const StageProfile& stage, const StageMode& mode) {
  return fmt::format("{}/{}{}", worker.product, worker.name, of_mode(stage, mode));
}

/// The bytes that are planned; at least one more for every further picture, whatever the costs say.
int64_t planned_bytes(const StageProfile& stage, const StageMode& mode, int batch) {
  return mode.weight_bytes + mode.workspace(batch) + batch * (stage.output_bytes_per_picture + 1);
}

int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

fs::path CostStore::default_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return fs::path(cache) / "relievo";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : ".") / ".cache" / "relievo";
}

CostStore::CostStore(fs::path folder, std::chrono::seconds write_every)
    : folder_(std::move(folder)), write_every_(write_every) {
  if (folder_.empty()) return;
  const json all = read_json_object_if_sound(limits_path());
  for (const auto& [name, value] : all.items()) {
    const bool is_limit = value.is_array() && value.size() == 3 &&
                          std::ranges::all_of(value, [](const json& one) { return one.is_number_integer(); });
    if (!is_limit || now() - value[2].get<int64_t>() > kWeek) continue;
    limits_[name] = {value[0], value[1], value[2]};
  }
}

CostStore::~CostStore() { keep(); }

MeasuredCosts CostStore::measured() const {
  if (folder_.empty()) return {};
  MeasuredCosts all = read_samples(costs_path());
  const std::lock_guard lock(mutex_);
  for (const auto& [device, samples] : learnt_) all[device] = with_means(std::move(all[device]), samples);
  return all;
}

void CostStore::add(const std::string& device, const std::vector<CostSample>& added) const {
  const std::lock_guard lock(mutex_);
  change_samples(costs_path(), [&](MeasuredCosts& all) {
    std::vector<CostSample>& kept = all[device];
    for (const CostSample& sample : added) {
      std::erase_if(kept, [&](const CostSample& old) { return is_same_call(old, sample); });
      kept.push_back(sample);
    }
  });
}

void CostStore::learn(const std::string& device, const std::vector<CostSample>& samples) {
  if (folder_.empty() || samples.empty()) return;
  const std::lock_guard lock(mutex_);
  std::vector<CostSample>& kept = learnt_[device];
  kept.insert(kept.end(), samples.begin(), samples.end());
  if (Clock::now() - written_ >= write_every_) write_learnt();
}

void CostStore::keep() {
  const std::lock_guard lock(mutex_);
  write_learnt();
}

void CostStore::write_learnt() noexcept {
  if (learnt_.empty()) return;
  written_ = Clock::now();
  try {
    change_samples(costs_path(), [&](MeasuredCosts& all) {
      for (const auto& [device, samples] : learnt_) all[device] = with_means(std::move(all[device]), samples);
    });
    learnt_.clear();
    return;
  } catch (const std::exception& error) {
    if (!has_warned_) tell_unwritten(error.what());
    has_warned_ = true;
  }
  try {  // they serve as long as this lives
    for (auto& [device, samples] : learnt_) samples = with_means({}, samples);
  } catch (const std::bad_alloc&) {
    learnt_.clear();
  }
}

int CostStore::batch_limit(const Worker& worker, const StageProfile& stage, const StageMode& mode,
                           int wanted) const {
  const std::lock_guard lock(mutex_);
  const auto found = limits_.find(key(worker, stage, mode));
  if (found == limits_.end() || worker.budget_bytes > found->second.budget_bytes) return wanted;
  while (wanted > 0 && planned_bytes(stage, mode, wanted) >= found->second.planned_bytes) wanted /= 2;
  return wanted;
}

void CostStore::raise_to_limits(StageProfile& stage) const {
  for (StageMode& mode : stage.modes) {
    const std::string ending = of_mode(stage, mode);
    int64_t too_few = 0;  // bytes
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, limit] : limits_) {
        const bool is_of_it = name.ends_with(ending) && planned_bytes(stage, mode, 1) >= limit.planned_bytes;
        if (is_of_it) too_few = std::max(too_few, limit.budget_bytes);
      }
    }
    const int64_t missing = too_few + 1 - mode.weight_bytes - mode.workspace(1);
    if (too_few > 0 && missing > 0) mode.workspace_bytes += double(missing);
  }
  for (StageProfile& other : stage.in_other_precisions) raise_to_limits(other);
}

void CostStore::learn_limit(const Worker& worker, const StageProfile& stage, const StageMode& mode,
                            int failed) {
  const std::lock_guard lock(mutex_);
  limits_[key(worker, stage, mode)] = {planned_bytes(stage, mode, failed), worker.budget_bytes, now()};
  if (!folder_.empty()) write_limits();
}

void CostStore::write_limits() const {
  json all = json::object();
  for (const auto& [name, limit] : limits_) all[name] = {limit.planned_bytes, limit.budget_bytes, limit.when};
  try {
    write_cache(limits_path(), all);
  } catch (const Error&) {
    log(LogLevel::kWarning,
        fmt::format("'{}' cannot be written, so batches that do not fit are tried again the next time.",
                    limits_path().string()));
  }
}

}  // namespace relievo

#include "runtime/costs/learned_limits.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "runtime/costs/cache_file.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr int64_t kWeek = 7 * 24 * 3600;

std::string key(const Slot& slot, const StageProfile& stage, const StageMode& mode) {
  return fmt::format("{}/{}/{}/{}/{}/{}", slot.product, slot.name, stage.name, stage.variant,
                     mode_name(mode.execution), mode.execution.precision);
}

/// More for every further picture, whatever the costs say.
int64_t planned_bytes(const StageProfile& stage, const StageMode& mode, int batch) {
  return mode.weight_bytes + mode.workspace(batch) + batch * (stage.output_bytes_per_picture + 1);
}

int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

LearnedLimits::LearnedLimits(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  const json all = read_cache(path_);
  for (const auto& [name, value] : all.items()) {
    const bool is_limit = value.is_array() && value.size() == 3 &&
                          std::ranges::all_of(value, [](const json& one) { return one.is_number_integer(); });
    if (!is_limit || now() - value[2].get<int64_t>() > kWeek) continue;
    limits_[name] = {value[0], value[1], value[2]};
  }
}

std::string LearnedLimits::default_path() { return cache_path("limits.json"); }

int LearnedLimits::batch(const Slot& slot, const StageProfile& stage, const StageMode& mode,
                         int wanted) const {
  const std::lock_guard lock(mutex_);
  const auto found = limits_.find(key(slot, stage, mode));
  if (found == limits_.end() || slot.budget_bytes > found->second.budget_bytes) return wanted;
  while (wanted > 0 && planned_bytes(stage, mode, wanted) >= found->second.planned_bytes) wanted /= 2;
  return wanted;
}

void LearnedLimits::learn(const Slot& slot, const StageProfile& stage, const StageMode& mode, int failed) {
  const std::lock_guard lock(mutex_);
  limits_[key(slot, stage, mode)] = {planned_bytes(stage, mode, failed), slot.budget_bytes, now()};
  if (!path_.empty()) write();
}

void LearnedLimits::write() const {
  json all = json::object();
  for (const auto& [name, limit] : limits_) all[name] = {limit.planned_bytes, limit.budget_bytes, limit.when};
  try {
    write_cache(path_, all);
  } catch (const Error&) {
    log(LogLevel::kWarning, fmt::format("{} cannot be written.", path_));
  }
}

}  // namespace relievo

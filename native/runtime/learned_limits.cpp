#include "runtime/learned_limits.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string key(const Slot& slot, const std::string& stage, Rung rung) {
  return fmt::format("{}/{}/{}", slot.name, stage, rung_name(rung));
}

}  // namespace

LearnedLimits::LearnedLimits(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  std::ifstream file(path_);
  const json all = json::parse(file, nullptr, false);
  if (!all.is_object()) return;
  for (const auto& [name, value] : all.items()) {
    if (!value.is_array() || value.size() != 2 || !value[0].is_number_integer() ||
        !value[1].is_number_integer()) {
      continue;
    }
    limits_[name] = {value[0], value[1]};
  }
}

int LearnedLimits::batch(const Slot& slot, const std::string& stage, Rung rung, int wanted) const {
  const std::lock_guard lock(mutex_);
  const auto found = limits_.find(key(slot, stage, rung));
  if (found == limits_.end() || slot.budget_bytes > found->second.budget_bytes) return wanted;
  return std::min(wanted, found->second.batch);
}

void LearnedLimits::learn(const Slot& slot, const std::string& stage, Rung rung, int failed) {
  const std::lock_guard lock(mutex_);
  limits_[key(slot, stage, rung)] = {failed / 2, slot.budget_bytes};
  if (path_.empty()) return;
  json all = json::object();
  for (const auto& [name, limit] : limits_) all[name] = {limit.batch, limit.budget_bytes};
  std::error_code error;
  fs::create_directories(fs::path(path_).parent_path(), error);
  std::ofstream file(path_ + ".part");
  file << all.dump(1) << '\n';
  file.close();
  if (file) fs::rename(path_ + ".part", path_, error);
  if (!file || error) log(LogLevel::kWarning, fmt::format("{} cannot be written.", path_));
}

void LearnedLimits::forget() {
  const std::lock_guard lock(mutex_);
  limits_.clear();
}

}  // namespace relievo

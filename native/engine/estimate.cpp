#include "engine/estimate.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "engine/costs.h"
#include "engine/open_workers.h"
#include "engine/unused_settings.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/simulate.h"

namespace relievo {
namespace {

using nlohmann::json;

/// The settings that costs depend on, as a text.
std::string kind_of(const Settings& settings) {
  Settings plain = settings;
  plain.mask_file.clear();
  plain.views.clear();
  json kind = parse_json(to_json(plain));
  for (const std::string& name : unused_settings(settings)) kind.erase(name);
  for (const char* name : {"seed", "mask", "mask_threshold", "mask_invert", "depth"}) kind.erase(name);
  kind["own_views"] = settings.views.size();
  return kind.dump();
}

void add_kind(const Settings& settings, int pictures, const std::vector<Worker>& found,
              const EngineOptions& options, Estimate& total) {
  validate(settings);
  std::vector<Worker> workers = found;
  const MeasuredCosts measured = CostStore().measured();
  const std::vector<StageProfile> stages = stage_profiles(settings, workers, measured);
  set_measured_speeds(workers, settings, measured);
  const PlanOptions asked{.pictures = pictures,
                          .policy = policy_of(options.policy),
                          .strategy = strategy_of(options.strategy),
                          .allow_lossy = options.allow_lossy};
  const SimulatedRun run = simulate(find_plan(workers, stages, asked), workers, stages, pictures, {}, asked);
  total.seconds += run.seconds;
  total.is_measured = total.is_measured && std::ranges::all_of(stages, &StageProfile::measured);
  for (size_t i = 0; i < workers.size(); ++i)
    total.devices[i].peak_bytes = std::max(total.devices[i].peak_bytes, run.peak_bytes[i]);
}

}  // namespace

std::string format_duration(double seconds) {
  if (seconds < 99.5) return fmt::format("{:.0f} s", seconds);
  const auto minutes = static_cast<int64_t>(std::ceil(seconds / 60));
  if (minutes < 100) return fmt::format("{} min", minutes);
  return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

std::string Estimate::sentence() const {
  std::vector<std::string> parts;
  for (const DevicePeak& each : devices) {
    if (each.peak_bytes > 0)
      parts.push_back(fmt::format("up to {} of {}", format_bytes(each.peak_bytes), each.device));
  }
  return fmt::format("{} {} would take {}{}{}; this is {}.", pictures, pictures == 1 ? "picture" : "pictures",
                     format_duration(seconds), parts.empty() ? "" : " and ", fmt::join(parts, ", "),
                     is_measured ? "what was measured on this machine"
                                 : "an estimate, because not all of it was measured on this machine");
}

Estimate estimate(const std::vector<Settings>& pictures, const EngineOptions& options) {
  std::map<std::string, std::pair<Settings, int>> kinds;
  for (const Settings& settings : pictures)
    ++kinds.emplace(kind_of(settings), std::pair{settings, 0}).first->second.second;
  Estimate total{.pictures = static_cast<int>(pictures.size()), .is_measured = !pictures.empty()};
  if (pictures.empty()) return total;
  const std::vector<Worker> workers = open_workers(options).workers;
  for (const Worker& worker : workers) total.devices.push_back({worker.name, 0});
  for (const auto& [kind, counted] : kinds) {
    try {
      add_kind(counted.first, counted.second, workers, options, total);
    } catch (const Error& error) {
      total.pictures -= counted.second;
      total.refused.push_back(fmt::format("{} {} cannot be planned: {}", counted.second,
                                          counted.second == 1 ? "picture" : "pictures", error.message()));
    }
  }
  return total;
}

}  // namespace relievo

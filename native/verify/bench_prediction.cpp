#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/costs.h"
#include "engine/pipeline.h"
#include "nn/errors.h"
#include "runtime/devices.h"
#include "runtime/executor.h"
#include "runtime/simulate.h"
#include "runtime/torch/slot_hooks.h"
#include "verify/bench_runtime.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

Settings sized(int grid, int texture_size) {
  Settings settings;
  settings.grid = grid;
  settings.texture_size = texture_size;
  return settings;
}

/// Makes `count` pictures by the plan and says how long it took, and what each slot and stage took.
json run_for_real(Executor& executor, const Plan& made, const GenerateRequest& request, int count) {
  auto job = std::make_shared<JobContext>();
  job->request = &request;
  PictureWork work;
  work.job = std::move(job);
  const auto begin = Clock::now();
  const std::vector<Outcome> outcomes =
      executor.run(made, std::vector<std::any>(static_cast<size_t>(count), work));
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::map<std::string, int64_t> peaks;
  std::map<std::string, double> stages;
  for (const Outcome& outcome : outcomes) {
    if (outcome.error) throw *outcome.error;
    for (const StageRun& stage : outcome.stages) {
      peaks[stage.slot] = std::max(peaks[stage.slot], stage.peak_bytes);
      stages[stage.stage] += stage.seconds / stage.batch / count;
    }
  }
  return {{"seconds", seconds}, {"peaks", peaks}, {"stages", stages}};
}

}  // namespace

json bench_prediction_own_side(const json& arguments) {
  const int count = arguments.at("pictures");
  const fs::path file = fs::temp_directory_path() / fmt::format("relievo-prediction-{}.json", ::getpid());
  const CostStore costs(file.string());
  SlotSources sources = find_machine().sources();
  sources.cpu_threads = 2;
  const std::vector<Slot> slots = parse_slots("cpu*2", sources);
  for (const auto& size : arguments.at("calibrated")) {
    CalibrateRequest request;
    request.settings = sized(size.at(0), size.at(1));
    request.all_modes = false;
    costs.add(slots[0].product, calibrate_stages(slots, request));
  }
  GenerateRequest request;
  request.bytes = calibration_picture(768, false);
  request.settings = sized(arguments.at("predicted").at(0), arguments.at("predicted").at(1));
  const auto stages = make_stages(recipe_of(request.settings), find_models({}));
  prepare(stages, request.settings, slots, costs);
  const std::vector<StageProfile> profiles = profiles_of(stages);
  const Plan made = plan(slots, profiles, {.pictures = count, .strategy = Strategy::kData});
  const SimulatedRun simulated = simulate(made, slots, profiles, count);

  SlotHooks hooks = make_slot_hooks();
  hooks.current_error = current_torch_error;
  Executor executor(slots, std::vector<std::shared_ptr<Stage>>(stages.begin(), stages.end()),
                    {.hooks = hooks});
  run_for_real(executor, made, request, 2);  // weights are loaded and code is warm
  const json real = run_for_real(executor, made, request, count);
  double peak_error = 0;
  json peaks = json::object(), stage_seconds = json::object();
  for (size_t i = 0; i < slots.size(); ++i) {
    const double measured = real.at("peaks").value(slots[i].name, int64_t{0});
    if (measured <= 0) continue;
    const auto predicted = static_cast<double>(simulated.peak_bytes[i]);
    peak_error = std::max(peak_error, std::abs(predicted / measured - 1));
    peaks[slots[i].name] = {{"predicted", predicted}, {"measured", measured}};
  }
  for (const StageProfile& profile : profiles) {
    stage_seconds[profile.name] = {{"predicted", profile.modes.front().time(1, slots[0])},
                                   {"measured", real.at("stages").at(profile.name)}};
  }
  fs::remove(file);
  return {{"simulated_s", simulated.seconds},
          {"real_s", real.at("seconds")},
          {"batch", made.lanes[0].batch},
          {"peak_error", peak_error},
          {"peaks", peaks},
          {"stages", stage_seconds}};
}

json bench_prediction(const BenchOptions& options) {
  json arguments = {{"calibrated", {{64, 512}, {128, 1024}}}, {"predicted", {96, 768}}, {"pictures", 24}};
  if (options.quick)
    arguments = {{"calibrated", {{32, 128}, {64, 256}}}, {"predicted", {48, 192}}, {"pictures", 8}};
  const json result = run_own_side("prediction", arguments);
  json report = {{"name", "prediction"}, {"full_size", !options.quick}, {"threads", 2}, {"dtype", "float32"}};
  report.update(arguments);
  report.update(result);
  const double simulated = result.at("simulated_s"), real = result.at("real_s");
  report.update({{"ours_s", simulated},
                 {"other_s", real},
                 {"ratio", simulated / real},
                 {"seconds_error", std::abs(simulated / real - 1)}});
  report["exact"] = report.at("seconds_error") <= 0.15 && report.at("peak_error") <= 0.1;
  return report;
}

}  // namespace relievo

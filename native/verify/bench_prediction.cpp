#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
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
#include "verify/bench_field.h"
#include "verify/bench_runtime.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

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
  bench_on_an_ellipsoid();
  const int count = arguments.at("pictures");
  const fs::path file = fs::temp_directory_path() / fmt::format("relievo-prediction-{}.json", ::getpid());
  const CostStore costs(file.string());
  SlotSources sources = find_machine().sources();
  sources.cpu_threads = 2;
  const std::vector<Slot> slots = parse_slots("cpu*2", sources);
  for (const json& size : arguments.at("calibrated")) {
    CalibrateRequest request;
    request.settings = settings_from_json(size.dump());
    request.all_modes = false;
    request.repeats = 3;  // a virtual machine's speed changes from second to second
    costs.add(slots[0].product, calibrate_stages(slots, request));
  }
  GenerateRequest request;
  request.bytes = calibration_picture(768, false);
  request.settings = settings_from_json(arguments.at("predicted").dump());
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

namespace {

json sized(const std::string& model, int grid, int texture_size) {
  return {{"model", model}, {"grid", grid}, {"texture_size", texture_size}};
}

/// The networks' sizes besides: of the pictures they see, and how often.
json seen(json settings, int input_size, int steps) {
  settings.update({{"input_size", input_size}, {"steps", steps}});
  return settings;
}

json prediction_of(json arguments) {
  const json result = run_own_side("prediction", arguments);
  arguments.update(result);
  const double simulated = result.at("simulated_s"), real = result.at("real_s");
  const double error = std::abs(simulated / real - 1);
  arguments.update({{"ours_s", simulated},
                    {"other_s", real},
                    {"ratio", simulated / real},
                    {"seconds_error", error},
                    {"exact", error <= 0.15 && result.at("peak_error").get<double>() <= 0.1}});
  return arguments;
}

}  // namespace

json bench_prediction(const BenchOptions& options) {
  json report = {{"name", "prediction"}, {"full_size", !options.quick}, {"threads", 2}};
  const bool quick = options.quick;
  report.update(prediction_of({{"calibrated",
                                {sized("preview", quick ? 32 : 64, quick ? 128 : 512),
                                 sized("preview", quick ? 64 : 128, quick ? 256 : 1024)}},
                               {"predicted", sized("preview", quick ? 48 : 96, quick ? 192 : 768)},
                               {"pictures", quick ? 8 : 24}}));
  if (!quick && std::getenv("RELIEVO_MODELS")) {
    const std::string model = "instant-mesh-base";
    report[model] = prediction_of(
        {{"calibrated", {seen(sized(model, 64, 512), 128, 1), seen(sized(model, 128, 1024), 256, 1)}},
         {"predicted", seen(sized(model, 96, 768), 192, 3)},
         {"pictures", 6}});
  }
  return report;
}

}  // namespace relievo

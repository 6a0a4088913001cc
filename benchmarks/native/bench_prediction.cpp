#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"
#include "benchmarks/native/bench_field.h"
#include "benchmarks/native/bench_runtime.h"
#include "engine/costs.h"
#include "engine/pipeline.h"
#include "nn/errors.h"
#include "runtime/execute/execute.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/simulate.h"
#include "runtime/torch/worker_hooks.h"
#include "verify/job_list.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The seconds that runs of a plan took, by worker and stage.
struct Real {
  double seconds = 0;
  int pictures = 0;
  std::map<std::string, int64_t> peaks;
  std::map<std::string, double> stages;  ///< seconds of all pictures
};

/// Makes `count` pictures by the plan.
void run_for_real(Executor& executor, const Plan& made, const GenerateRequest& request, int count,
                  Real& real) {
  auto job = std::make_shared<JobContext>();
  job->request = &request;
  PictureWork work;
  work.job = std::move(job);
  const auto begin = Clock::now();
  JobList jobs(std::vector<std::any>(static_cast<size_t>(count), work));
  executor.run(made, jobs, RunOptions());
  real.seconds += seconds_since(begin);
  real.pictures += count;
  for (const Outcome& outcome : jobs.outcomes) {
    if (outcome.error) throw *outcome.error;
    for (const StageRun& stage : outcome.stages) {
      real.peaks[stage.worker] = std::max(real.peaks[stage.worker], stage.peak_bytes);
      real.stages[stage.stage] += stage.seconds / stage.batch;
    }
  }
}

/// The predicted values beside the measured ones, for one size.
json compared(const json& size, const Plan& made, const std::vector<Worker>& workers,
              const std::vector<StageProfile>& profiles, const SimulatedRun& simulated, int rounds,
              const Real& real) {
  double peak_error = 0;
  json peaks = json::object(), stages = json::object();
  for (size_t i = 0; i < workers.size(); ++i) {
    const auto found = real.peaks.find(workers[i].name);
    if (found == real.peaks.end() || found->second <= 0) continue;
    const auto predicted = static_cast<double>(simulated.peak_bytes[i]),
               measured = static_cast<double>(found->second);
    peak_error = std::max(peak_error, std::abs(predicted / measured - 1));
    peaks[workers[i].name] = {{"predicted", predicted}, {"measured", measured}};
  }
  for (const StageProfile& profile : profiles) {
    stages[profile.name] = {{"predicted", profile.modes.front().time(1, workers[0])},
                            {"measured", real.stages.at(profile.name) / real.pictures}};
  }
  const double ours = simulated.seconds * rounds;
  return {{"size", size},
          {"ours_s", ours},
          {"other_s", real.seconds},
          {"ratio", ours / real.seconds},
          {"seconds_error", std::abs(ours / real.seconds - 1)},
          {"peak_error", peak_error},
          {"pictures", real.pictures},
          {"batch", made.groups[0].batch},
          {"peaks", peaks},
          {"stages", stages}};
}

}  // namespace

json bench_prediction_own_side(const json& arguments) {
  bench_on_an_ellipsoid();
  const int rounds = arguments.at("rounds"), each = arguments.at("pictures").get<int>() / rounds;
  const fs::path file = fs::temp_directory_path() / fmt::format("relievo-prediction-{}.json", ::getpid());
  const CostStore costs(file);
  WorkerSources sources = find_machine().sources();
  sources.cpu_threads = 2;
  const std::vector<Worker> workers = parse_workers("cpu*2", sources);
  const std::vector<json> sizes = arguments.at("predicted");
  const auto settings_of = [](const json& size) { return settings_from_json(size.dump()); };
  const auto stages = make_stages(pipeline_config(settings_of(sizes.front())), find_models({}));
  WorkerHooks hooks = make_worker_hooks();
  hooks.current_error = current_torch_error;
  Executor executor(workers, std::vector<std::shared_ptr<Stage>>(stages.begin(), stages.end()),
                    {.hooks = hooks});
  // The sizes are measured in turn, because the speed of a virtual machine changes from minute to minute.
  std::vector<std::vector<CostSample>> measured(static_cast<size_t>(rounds));
  std::vector<Real> real(sizes.size());
  std::vector<Plan> made(sizes.size());
  for (int round = 0; round < rounds; ++round) {
    for (const json& size : arguments.at("profiled")) {
      ProfileRequest profiled;
      profiled.settings = settings_of(size);
      profiled.all_modes = false;
      profiled.repeats = 1;
      for (CostSample& sample : profile_stages(workers, profiled))
        measured[static_cast<size_t>(round)].push_back(std::move(sample));
    }
    costs.add(workers[0].product, mean_of({measured.begin(), measured.begin() + round + 1}));
    for (size_t i = 0; i < sizes.size(); ++i) {
      GenerateRequest request;
      request.bytes = profiling_picture(768, false);
      request.settings = settings_of(sizes[i]);
      prepare(stages, request.settings, workers, costs.measured());
      if (round == 0)
        made[i] = find_plan(workers, profiles_of(stages), {.pictures = each, .strategy = Strategy::kData});
      Real warm;  // weights are loaded and code is warm
      if (round == 0 && i == 0) run_for_real(executor, made[i], request, 2, warm);
      run_for_real(executor, made[i], request, each, real[i]);
    }
  }
  json compared_sizes = json::array();
  for (size_t i = 0; i < sizes.size(); ++i) {
    prepare(stages, settings_of(sizes[i]), workers, costs.measured());
    const std::vector<StageProfile> profiles = profiles_of(stages);
    compared_sizes.push_back(compared(sizes[i], made[i], workers, profiles,
                                      simulate(made[i], workers, profiles, each), rounds, real[i]));
  }
  fs::remove(file);
  return json::object({{"predicted", compared_sizes}});
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

json prediction_of(const json& arguments) {
  json report = {{"profiled", arguments.at("profiled")}, {"rounds", arguments.at("rounds")}};
  report.update(run_own_side("prediction", arguments));
  bool is_exact = true;
  double ours = 0, other = 0;
  for (const json& size : report.at("predicted")) {
    is_exact = is_exact && size.at("seconds_error").get<double>() <= 0.15 &&
               size.at("peak_error").get<double>() <= 0.1;
    ours += size.at("ours_s").get<double>();
    other += size.at("other_s").get<double>();
  }
  report.update({{"exact", is_exact}, {"ours_s", ours}, {"other_s", other}, {"ratio", ours / other}});
  return report;
}

}  // namespace

json bench_prediction(const BenchOptions& options) {
  json report = {{"name", "prediction"}, {"full_size", !options.quick}, {"threads", 2}};
  const bool quick = options.quick;
  // The sizes that `relievo profile` measures, and two between them.
  report.update(prediction_of({{"profiled",
                                {sized("preview", quick ? 32 : 64, quick ? 128 : 512),
                                 sized("preview", quick ? 48 : 96, quick ? 192 : 768),
                                 sized("preview", quick ? 64 : 128, quick ? 256 : 1024)}},
                               {"predicted",
                                {sized("preview", quick ? 40 : 80, quick ? 160 : 640),
                                 sized("preview", quick ? 56 : 112, quick ? 224 : 896)}},
                               {"rounds", 2},
                               {"pictures", quick ? 4 : 12}}));
  if (!quick && std::getenv("RELIEVO_MODELS")) {
    const std::string model = "instant-mesh-base";
    report[model] = prediction_of(
        {{"profiled", {seen(sized(model, 48, 256), 128, 1), seen(sized(model, 64, 512), 192, 1)}},
         {"predicted", {seen(sized(model, 56, 384), 160, 2)}},
         {"rounds", 1},
         {"pictures", 4}});
  }
  return report;
}

}  // namespace relievo

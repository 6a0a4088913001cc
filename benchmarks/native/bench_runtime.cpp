#include "benchmarks/native/bench_runtime.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <future>
#include <numbers>
#include <thread>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sched.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "benchmarks/native/bench_field.h"
#include "engine/engine.h"
#include "engine/field_source.h"
#include "engine/pipeline.h"
#include "files/pictures.h"
#include "nn/errors.h"
#include "runtime/execute/execute.h"
#include "runtime/torch/worker_hooks.h"
#include "verify/job_list.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kPictures = fs::path(RELIEVO_SOURCE_DIR) / "tests" / "data" / "pictures";

std::vector<fs::path> pictures() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(kPictures)) {
    if (entry.path().extension() == ".jpg") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// A picture of six views, 3 rows of 2: a shaded ball in changing colours.
fs::path write_views() {
  constexpr int kSide = 320;
  ByteImage grid(2 * kSide, 3 * kSide, 3);
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const int view = y / kSide * 2 + x / kSide;
      const double u = (x % kSide + 0.5) / kSide * 2 - 1, v = (y % kSide + 0.5) / kSide * 2 - 1;
      const bool is_inside = u * u + v * v < 0.6;
      for (int c = 0; c < 3; ++c) {
        const double shade = 0.6 + 0.35 * std::cos(view + c * 2 * std::numbers::pi / 3 + 2 * u);
        grid.pixels[(static_cast<size_t>(y) * grid.width + x) * 3 + c] =
            static_cast<uint8_t>(is_inside ? 255 * shade : 255);
      }
    }
  }
  const fs::path path = fs::temp_directory_path() / fmt::format("relievo-views-{}.png", ::getpid());
  const std::vector<std::byte> png = encode_png(grid);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
  return path;
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0)
    throw Error(ErrorCode::kInternal, "Cannot pin the process.");
}

Settings settings_of(const json& arguments) { return settings_from_json(arguments.at("settings").dump()); }

void need_models() {
  if (std::getenv("RELIEVO_MODELS")) return;
  throw Error(ErrorCode::kModelMissing, "This bench runs the full-size models with random weights.",
              "Write them once with .venv-bench/bin/python benchmarks/random_models.py FOLDER, then set "
              "RELIEVO_MODELS=FOLDER.");
}

json preview_settings(bool quick) {
  json settings = {{"model", "preview"}};
  if (quick) settings.update({{"grid", 32}, {"texture_size", 128}});
  return settings;
}

}  // namespace

json report_of(const std::string& name, const BenchOptions& options) {
  return {{"name", name}, {"full_size", !options.quick}};
}

void bench_on_an_ellipsoid() {
  make_mesh_field() = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
    return std::make_shared<ShapedMeshField>(std::move(planes), std::move(heads), RoundShape::kEllipsoid);
  };
}

json engine_side(const std::string& devices, int threads, const json& settings, int count) {
  return {{"devices", devices}, {"threads", threads}, {"settings", settings},
          {"pictures", count},  {"warm_up", 1},       {"strategy", "auto"},
          {"cpu", -1}};
}

json bench_engine_own_side(const json& arguments) {
  if (const int cpu = arguments.at("cpu"); cpu >= 0) pin_to(cpu);
  bench_on_an_ellipsoid();
  const Settings settings = settings_of(arguments);
  const std::vector<fs::path> files = pictures();
  reset_peak_resident_bytes();
  const int64_t at_start = peak_resident_bytes();
  EngineOptions options;
  options.threads = arguments.at("threads");
  options.devices = arguments.at("devices");
  options.strategy = arguments.at("strategy");
  options.allow_lossy = false;
  Engine engine(options);
  const auto make = [&](int count) {
    std::vector<Job> jobs;
    for (int i = 0; i < count; ++i) {
      jobs.push_back(
          engine.submit({.picture = files[static_cast<size_t>(i) % files.size()], .settings = settings}));
    }
    return jobs;
  };
  std::shared_ptr<const GenerateResult> result;
  const auto finish = [&](const std::vector<Job>& jobs) {
    for (const Job& job : jobs) {
      job.wait();
      if (job.error()) throw *job.error();
      result = job.take();
    }
  };
  if (const int count = arguments.at("warm_up"); count > 0) {
    engine.pause();
    const std::vector<Job> jobs = make(count);
    engine.resume();
    finish(jobs);
  }
  engine.pause();
  const std::vector<Job> jobs = make(arguments.at("pictures"));
  const auto begin = Clock::now();
  engine.resume();
  finish(jobs);
  const double seconds = seconds_since(begin);
  json stages = json::array();
  for (const StageReport& stage : result->stages) {
    stages.push_back({{"name", stage.name},
                      {"seconds", stage.seconds},
                      {"peak_bytes", stage.peak_bytes},
                      {"device", stage.device},
                      {"precision", stage.precision}});
  }
  return {{"seconds", seconds},
          {"peak_bytes", peak_resident_bytes() - at_start},
          {"start_bytes", at_start},
          {"vertices", result->mesh.surface.vertices.size()},
          {"watertight", result->mesh.report.watertight},
          {"notes", result->notes},
          {"plan", result->plan},
          {"stages", stages}};
}

// Two workers of one thread, beside one, and beside two processes on a core each.

namespace {

json scaling_of(const std::string& bench, const json& settings, int count) {
  json one = engine_side("cpu", 1, settings, count);
  json two = engine_side("cpu*2", 2, settings, count);
  two["warm_up"] = 2;
  const json single = run_own_side(bench, one);
  const json both = run_own_side(bench, two);
  std::vector<std::future<json>> processes;
  for (int cpu = 0; cpu < 2; ++cpu) {
    json own = engine_side("cpu", 1, settings, count / 2);
    own["cpu"] = cpu;
    processes.push_back(std::async(std::launch::async, [bench, own] { return run_own_side(bench, own); }));
  }
  double independent = 0;  // pictures a second
  for (auto& process : processes) independent += (count / 2) / process.get().at("seconds").get<double>();
  const double ours = both.at("seconds"), alone = single.at("seconds");
  return {{"pictures", count},
          {"ours_s", ours},
          {"other_s", alone},
          {"ratio", alone / ours},
          {"of_two_processes", count / ours / independent},
          {"ours_peak_bytes", both.at("peak_bytes")},
          {"other_peak_bytes", single.at("peak_bytes")},
          {"pictures_a_minute", 60 * count / ours}};
}

}  // namespace

json bench_scaling(const BenchOptions& options) {
  json report = report_of("scaling", options);
  const int count = options.quick ? 4 : 32;
  report.update(scaling_of("scaling", preview_settings(options.quick), count));
  report["threads"] = 2;
  report["model"] = "preview";
  if (!options.quick && std::getenv("RELIEVO_MODELS")) {
    const fs::path views = write_views();
    // The network at its full size; a small grid and texture, for what follows it is measured above.
    json settings = {{"model", "instant-mesh-base"}, {"grid", 64}, {"texture_size", 512}};
    report["instant-mesh-base"] = settings;
    settings["views"] = {views.string()};
    report["instant-mesh-base"].update(scaling_of("scaling", settings, count));
    fs::remove(views);
  }
  return report;
}

json bench_guidance(const BenchOptions& options) {
  need_models();
  json report = report_of("guidance", options);
  const json settings = {{"model", "instant-mesh-base"},
                         {"steps", options.quick ? 1 : 3},
                         {"precision", "bf16"},
                         {"input_size", options.quick ? 128 : 320}};
  json alone = engine_side("cpu", 1, settings, 1), halves = engine_side("cpu*2", 2, settings, 1);
  halves["strategy"] = "guidance";
  alone["warm_up"] = halves["warm_up"] = 0;
  const auto diffusion_s = [](const json& result) {
    for (const json& stage : result.at("stages")) {
      if (stage.at("name") == "diffusion") return stage.at("seconds").get<double>();
    }
    throw Error(ErrorCode::kInternal, "There was no diffusion.");
  };
  const json one = run_own_side("guidance", alone), two = run_own_side("guidance", halves);
  report.update({{"ours_s", diffusion_s(two)},
                 {"other_s", diffusion_s(one)},
                 {"ratio", diffusion_s(one) / diffusion_s(two)},
                 {"ours_peak_bytes", two.at("peak_bytes")},
                 {"other_peak_bytes", one.at("peak_bytes")},
                 {"steps", settings.at("steps")},
                 {"dtype", "bfloat16"},
                 {"threads", 2},
                 {"plan", two.at("plan")}});
  return report;
}

// A worker three times as fast as the other.

namespace {

/// Lets its worker rest after each call, so that it works a third of the time, as a slower one would.
class ThrottledStage : public Stage {
 public:
  ThrottledStage(std::shared_ptr<Stage> stage, std::string worker)
      : stage_(std::move(stage)), worker_(std::move(worker)) {}

  const StageProfile& profile() const override { return stage_->profile(); }
  void load(const StageLoad& load) override { stage_->load(load); }
  void unload(const Worker& worker) override { stage_->unload(worker); }
  std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) override {
    const auto begin = Clock::now();
    auto outputs = stage_->run(call, inputs);
    if (call.workers[0].name == worker_) std::this_thread::sleep_for(2 * (Clock::now() - begin));
    return outputs;
  }

 private:
  std::shared_ptr<Stage> stage_;
  std::string worker_;
};

}  // namespace

json bench_balance_own_side(const json& arguments) {
  const Settings settings = settings_of(arguments);
  const int count = arguments.at("pictures");
  const std::vector<fs::path> files = pictures();
  const std::vector<Worker> workers =
      parse_workers("cpu*2", {.cpu_threads = 2, .cpu_free_bytes = int64_t{8} << 30, .gpu_free_bytes = {}});
  const auto made_stages = make_stages(pipeline_config(settings), find_models({}));
  prepare(made_stages, settings, workers);
  std::vector<std::shared_ptr<Stage>> stages;
  for (const auto& stage : made_stages)
    stages.push_back(std::make_shared<ThrottledStage>(stage, workers[1].name));
  WorkerHooks hooks = make_worker_hooks();
  hooks.current_error = current_torch_error;
  Executor executor(workers, stages, {.hooks = hooks});
  const Plan made =
      find_plan(workers, profiles_of(made_stages), {.pictures = count, .strategy = Strategy::kData});

  const auto run = [&](int pictures_now, std::map<std::string, double>* busy,
                       std::map<std::string, int>* number) {
    std::vector<GenerateRequest> requests;
    for (int i = 0; i < pictures_now; ++i) {
      requests.push_back({.picture = files[static_cast<size_t>(i) % files.size()], .settings = settings});
    }
    std::vector<std::any> inputs;
    for (const GenerateRequest& request : requests) {
      auto job = std::make_shared<JobContext>();
      job->request = &request;
      PictureWork work;
      work.job = std::move(job);
      inputs.emplace_back(std::move(work));
    }
    const auto begin = Clock::now();
    JobList jobs(std::move(inputs));
    executor.run(made, jobs, RunOptions());
    const double seconds = seconds_since(begin);
    for (const Outcome& outcome : jobs.outcomes) {
      if (outcome.error) throw *outcome.error;
      if (busy) (*number)[outcome.stages.front().worker] += 1;
      for (const StageRun& stage : outcome.stages) {
        if (busy) (*busy)[stage.worker] += stage.seconds;
      }
    }
    return seconds;
  };
  run(2, nullptr, nullptr);
  std::map<std::string, double> busy;
  std::map<std::string, int> number;
  const double seconds = run(count, &busy, &number);
  json result = {{"seconds", seconds}};
  for (const Worker& worker : workers) {
    result["busy"].push_back(busy[worker.name] / seconds);
    result["made"].push_back(number[worker.name]);
  }
  return result;
}

json bench_balance(const BenchOptions& options) {
  json report = report_of("balance", options);
  const int count = options.quick ? 8 : 48;
  const json result =
      run_own_side("balance", {{"settings", preview_settings(options.quick)}, {"pictures", count}});
  report.update(result);
  report["pictures"] = count;
  report["least_busy"] = std::min(result.at("busy")[0].get<double>(), result.at("busy")[1].get<double>());
  return report;
}

}  // namespace relievo

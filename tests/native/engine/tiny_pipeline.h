// The real stages of the pipeline over the tiny models, run by the executor on workers of the test's choice.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../job_list.h"
#include "engine/pipeline.h"
#include "long_run.h"
#include "nn/errors.h"
#include "nn/exchange.h"
#include "runtime/execute/execute.h"
#include "runtime/torch/worker_hooks.h"
#include "tiny_models.h"

namespace relievo {

/// A coloured ellipse with its own alpha; `kind` changes colours and proportions.
inline GenerateRequest tiny_request(int kind = 0, int seed = 7) {
  constexpr int kSide = 48;
  Image image(kSide, kSide, 4);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const float dx = (static_cast<float>(x) + 0.5f) / kSide - 0.5f;
      const float dy = (static_cast<float>(y) + 0.5f) / kSide - 0.5f;
      float* p = image.pixel(x, y);
      p[(kind + (dx < 0 ? 0 : 1)) % 3] = 0.3f + 0.6f * static_cast<float>(y) / kSide;
      p[3] = dx * dx * static_cast<float>(1 + kind) + dy * dy < 0.16f ? 1.0f : 0.0f;
    }
  }
  GenerateRequest request;
  request.image = std::move(image);
  request.name = "tiny";
  request.settings.model = kTinyModel;
  request.settings.seed = seed;
  request.settings.steps = 2;
  request.settings.input_size = 64;
  request.settings.precision = "fp32";
  request.settings.grid = 20;
  request.settings.texture_size = 64;
  request.settings.vertex_colours = true;
  return request;
}

/// One worker of 3 GiB, in which the weights have room in half precision at their published size.
inline EngineOptions tiny_options(const std::string& devices = "cpu@3GiB", int threads = 1,
                                  const std::string& strategy = "auto") {
  EngineOptions options;
  options.threads = threads;
  options.devices = devices;
  options.strategy = strategy;
  return options;
}

/// The parts of a result that must be the same to the last bit.
struct MeshBits {
  explicit MeshBits(const TexturedMesh& mesh)
      : vertices(mesh.surface.vertices),
        faces(mesh.surface.faces),
        corner_uv(mesh.corner_uv),
        albedo(mesh.albedo.pixels),
        vertex_colours(mesh.vertex_colours) {}
  explicit MeshBits(const Surface& surface) : vertices(surface.vertices), faces(surface.faces) {}
  bool operator==(const MeshBits&) const = default;

  std::vector<Float3> vertices;
  std::vector<Int3> faces;
  std::vector<std::array<Float2, 3>> corner_uv;
  std::vector<uint8_t> albedo;
  std::vector<Float3> vertex_colours;
};

/// gtest would print every number of both.
inline bool same(const MeshBits& a, const MeshBits& b) { return a == b; }

enum class Moment { kLoad, kStart, kInside, kEnd };

/// A stage that tells what it is about to do, on the worker's thread; who is told may throw.
class WatchedStage : public Stage {
 public:
  using Watch = std::function<void(const std::string& stage, Moment, const Worker&)>;
  using Outputs = std::function<void(const std::string& stage, const std::vector<std::any>&)>;

  WatchedStage(std::shared_ptr<PipelineStage> stage, const Watch& watch, const Outputs& outputs)
      : stage_(std::move(stage)), watch_(watch), outputs_(outputs) {}

  const StageProfile& profile() const override { return stage_->profile(); }
  void load(const StageLoad& load) override {
    tell(Moment::kLoad, load.worker);
    stage_->load(load);
  }
  void unload(const Worker& worker) override { stage_->unload(worker); }
  std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) override {
    tell(Moment::kStart, call.workers[0]);
    StageCall watched = call;
    watched.set_runner([&](const std::vector<size_t>& which, const std::function<void(size_t)>& body,
                           const std::function<void()>& on_failure) {
      const auto tell_first = [&](size_t k) {
        tell(Moment::kInside, call.workers[k]);
        body(k);
      };
      if (which.size() == 1) {
        call.on_worker(which[0], [&] { tell_first(which[0]); });
      } else {
        call.on_every_worker(tell_first, on_failure);
      }
    });
    auto outputs = stage_->run(watched, inputs);
    tell(Moment::kEnd, call.workers[0]);
    if (outputs_) outputs_(stage_->name(), outputs);
    return outputs;
  }

 private:
  void tell(Moment moment, const Worker& worker) const {
    if (watch_) watch_(stage_->name(), moment, worker);
  }

  std::shared_ptr<PipelineStage> stage_;
  const Watch& watch_;
  const Outputs& outputs_;
};

/// The outcome for a picture.
struct Made {
  std::optional<Error> error;  ///< the picture's own, or that of its worker
  std::shared_ptr<const GenerateResult> result;
  std::shared_ptr<const Surface> surface;  ///< instead, where the run ends with it
  int delivered = 0;
  std::vector<std::string> notes;
  std::vector<StageRun> stages;

  MeshBits bits() const { return result ? MeshBits(result->mesh) : MeshBits(*surface); }
};

/// A picture of a run, with what its job would hear.
struct TinyPicture {
  GenerateRequest request;
  CancelToken cancel = {};
  std::function<void(const std::string& stage)> on_stage = [](const std::string&) {};
  std::function<void(double)> on_progress = [](double) {};
};

/// The choice of stages, because texturing takes four fifths of the time.
enum class Until { kSurface, kMesh };

/// One executor over the tiny pipeline.
class TinyPipeline {
 public:
  /// On workers of one thread and of a budget that is never reached.
  explicit TinyPipeline(int workers, Strategy strategy = Strategy::kSingle, Until until = Until::kSurface,
                        bool allow_lossy = false, const std::string& model = kTinyModel,
                        bool has_own_views = false)
      : TinyPipeline(cpu_workers(workers), strategy, until, allow_lossy, model, has_own_views) {}

  TinyPipeline(std::vector<Worker> workers, Strategy strategy, Until until = Until::kSurface,
               bool allow_lossy = false, const std::string& model = kTinyModel, bool has_own_views = false)
      : strategy_(strategy), allow_lossy_(allow_lossy), workers_(std::move(workers)) {
    stages_ = make_stages({model, has_own_views}, find_models({}));
    if (until == Until::kSurface) stages_.pop_back();
    renew_executor();
  }

  /// Makes another executor; the weights of the one before are unloaded.
  void renew_executor() {
    executor_.reset();
    std::vector<std::shared_ptr<Stage>> watched;
    for (const auto& stage : stages_)
      watched.push_back(std::make_shared<WatchedStage>(stage, watch, outputs));
    WorkerHooks hooks = make_worker_hooks();
    hooks.current_error = current_torch_error;
    hooks.take_waited = take_waited_seconds;
    executor_ = std::make_unique<Executor>(workers_, watched, ExecutorOptions{.hooks = std::move(hooks)});
  }

  std::vector<Made> make(const std::vector<TinyPicture>& pictures) {
    prepare(stages_, pictures.front().request.settings, workers_);
    PlanOptions wanted{
        .pictures = static_cast<int>(pictures.size()), .strategy = strategy_, .allow_lossy = allow_lossy_};
    plan = find_plan(workers_, profiles_of(stages_), wanted);
    if (adapt) adapt(plan);
    std::vector<std::any> inputs;
    for (const TinyPicture& picture : pictures) {
      auto job = std::make_shared<JobContext>();
      job->request = &picture.request;
      job->cancel = picture.cancel;
      job->on_stage = picture.on_stage;
      job->on_progress = picture.on_progress;
      job->on_picture = [](const std::string&, const Image&) {};
      job->on_log = [](const std::string&) {};
      PictureWork work;
      work.job = std::move(job);
      inputs.emplace_back(std::move(work));
    }
    std::vector<Made> all(pictures.size());
    JobList jobs(std::move(inputs));
    jobs.on_done = [&](int job, const Outcome&) { ++all[static_cast<size_t>(job)].delivered; };
    while (jobs.left() > 0) {
      try {
        executor_->run(plan, jobs, {.plan = wanted});
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kDeviceLost) throw;
        jobs.fail_left(error);
      }
    }
    const auto outcomes = jobs.outcomes();
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].error = outcomes[i].error;
      all[i].notes = outcomes[i].notes;
      all[i].stages = outcomes[i].stages;
      if (all[i].error) continue;
      const auto& work = std::any_cast<const PictureWork&>(outcomes[i].value);
      all[i].error = work.error;
      if (const auto* finished = std::get_if<FinishedPicture>(&work.made)) all[i].result = *finished;
      if (const auto* cleaned = std::get_if<CleanedPicture>(&work.made)) all[i].surface = cleaned->surface;
    }
    return all;
  }

  Made make_one(const TinyPicture& picture) { return make({picture}).front(); }

  std::vector<std::string> stage_names() const {
    std::vector<std::string> names;
    for (const auto& stage : stages_) names.push_back(stage->name());
    return names;
  }
  Executor& executor() { return *executor_; }

  /// Has every stage of `group` run with as many of these fallbacks as it has, as the executor would.
  void force(DeviceGroup& group, const Fallbacks& fallbacks) const {
    for (StagePlacement& placement : group.stages) {
      const StageProfile& profile = stages_[static_cast<size_t>(placement.stage)]->profile();
      placement.mode = profile.mode_within(fallbacks).execution;
    }
  }

  Plan plan;                         ///< of the last run
  std::function<void(Plan&)> adapt;  ///< changes the plan before it is run
  WatchedStage::Watch watch;         ///< called before everything that a stage does
  WatchedStage::Outputs outputs;     ///< called after each call of a stage

 private:
  static std::vector<Worker> cpu_workers(int count) {
    std::vector<Worker> workers(static_cast<size_t>(count));
    for (size_t i = 0; i < workers.size(); ++i) {
      workers[i].name = "cpu#" + std::to_string(i);
      workers[i].budget_bytes = int64_t{1} << 40;
    }
    return workers;
  }

  Strategy strategy_;
  bool allow_lossy_;
  std::vector<Worker> workers_;
  std::vector<std::shared_ptr<PipelineStage>> stages_;
  std::unique_ptr<Executor> executor_;
};

class TinyPipelineTest : public testing::Test {
 protected:
  /// Limits that engines learn here from forced failures must not reach other tests.
  TinyPipelineTest() {
    std::filesystem::remove_all(cache_);
    setenv("XDG_CACHE_HOME", cache_.c_str(), 1);
  }
  ~TinyPipelineTest() override {
    if (had_.empty()) {
      unsetenv("XDG_CACHE_HOME");
    } else {
      setenv("XDG_CACHE_HOME", had_.c_str(), 1);
    }
    std::filesystem::remove_all(cache_);
  }

  /// The result of one worker for a picture, undisturbed.
  const MeshBits& reference(int kind = 0, int seed = 7, Until until = Until::kSurface) {
    static std::map<std::tuple<int, int, Until>, MeshBits> made;
    const std::tuple key(kind, seed, until);
    const auto found = made.find(key);
    if (found != made.end()) return found->second;
    const Made one = TinyPipeline(1, Strategy::kSingle, until).make_one({tiny_request(kind, seed)});
    if (one.error) throw std::runtime_error(one.error->what());
    return made.emplace(key, one.bits()).first->second;
  }

  WithTinyModels models_;

 private:
  const std::string had_ = std::getenv("XDG_CACHE_HOME") ? std::getenv("XDG_CACHE_HOME") : "";
  const std::filesystem::path cache_ =
      std::filesystem::temp_directory_path() / ("relievo-cache-" + std::to_string(::getpid()));
};

}  // namespace relievo

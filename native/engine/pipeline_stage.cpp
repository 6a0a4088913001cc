#include "engine/pipeline_stage.h"

#include <algorithm>
#include <set>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "engine/pipeline.h"
#include "nn/device_weights.h"
#include "nn/errors.h"
#include "runtime/torch/counting_allocator.h"
#include "runtime/torch/gpu_account.h"
#include "weights/mapped_file.h"

namespace relievo {
namespace {

/// The bytes that the worker has left for workspace. Must be called on its thread.
int64_t free_bytes(const Worker& worker) {
  const auto account = worker.kind == DeviceKind::kCuda ? thread_gpu_account() : thread_account();
  return account ? account->budget() - account->used() : worker.budget_bytes;
}

constexpr int64_t kChunkBytes = int64_t{256} << 20;

thread_local const JobContext* t_job = nullptr;

struct CurrentJob {
  explicit CurrentJob(const JobContext* job) { t_job = job; }
  ~CurrentJob() { t_job = nullptr; }
  CurrentJob(const CurrentJob&) = delete;
  CurrentJob& operator=(const CurrentJob&) = delete;
};

bool is_of_the_worker(const Error& error) {
  return error.code() == ErrorCode::kOutOfMemory || error.code() == ErrorCode::kDeviceLost;
}

/// What a person can choose so that a stage takes less memory.
std::string_view remedy_of(std::string_view stage) {
  constexpr std::pair<std::string_view, std::string_view> kRemedies[] = {
      {"foreground", "Give a smaller picture, or its mask with --mask."},
      {"condition", "Use half precision (--precision) or --strategy offload."},
      {"diffusion", "Use a smaller --input-size, half precision (--precision) or --strategy offload."},
      {"decode", "Use a smaller --input-size or half precision (--precision)."},
      {"reconstruct",
       "Use fewer views (--view-count 4), a smaller --input-size, half precision (--precision) or --strategy "
       "offload."},
      {"surface", "Use a smaller --grid."},
      {"simplify", "Use a smaller --grid."},
      {"texture", "Use a smaller --texture-size or --grid."}};
  const auto found = std::ranges::find(kRemedies, stage, [](const auto& remedy) { return remedy.first; });
  return found == std::end(kRemedies) ? std::string_view() : found->second;
}

/// Want of memory in a stage, with what helps that stage.
Error with_remedy(const Error& error, std::string_view stage) {
  return {error.code(), error.message(), fmt::format("{} {}", error.hint(), remedy_of(stage))};
}

}  // namespace

const JobContext* current_job() { return t_job; }

at::Device device_of(const Worker& worker) {
  if (worker.kind == DeviceKind::kCuda) return {at::kCUDA, static_cast<at::DeviceIndex>(worker.device)};
  return at::kCPU;
}

at::ScalarType dtype_of(const std::string& precision) {
  if (precision == "bf16") return at::kBFloat16;
  if (precision == "fp16") return at::kHalf;
  return at::kFloat;
}

int64_t mapped_bytes(const torch::nn::Module& module) {
  int64_t bytes = 0;
  for (const at::Tensor& parameter : module.parameters()) {
    const bool is_mapped = parameter.is_cpu() && parameter.storage().allocator() == nullptr;
    if (is_mapped) bytes += static_cast<int64_t>(parameter.nbytes());
  }
  return bytes;
}

Execution execution_for(const Worker& worker, const std::string& precision) {
  Execution execution;
  execution.device = device_of(worker);
  execution.dtype = dtype_of(precision);
  return execution;
}

Execution execution_for(const StageLoad& load, const std::shared_ptr<WaitingWeights>& waiting) {
  Execution execution = execution_for(load.worker, load.mode.precision);
  if (load.mode.streamed) execution.streamed = std::make_shared<StreamedWeights>();
  if ((load.waits || load.mode.streamed) && execution.device.is_cuda()) {
    execution.waiting = waiting;
  } else {
    waiting->clear();
  }
  return execution;
}

Execution PipelineStage::execution(const StageCall& call, size_t k, const Control& control) const {
  const Worker& worker = call.workers[k];
  int64_t budget = free_bytes(worker);
  // Smaller chunks use only a part of the free memory, and never more than a fixed amount, because their use
  // is planned.
  if (call.mode.chunked) budget = std::min(budget / 4, kChunkBytes);
  return {.device = device_of(worker),
          .dtype = dtype_of(call.mode.precision),
          .byte_budget = std::max<int64_t>(budget, 1),
          .control = control};
}

Control PipelineStage::control_of(const PictureWork& work) const {
  const auto& job = work.job;
  const double from = from_, span = to_ - from_;
  return {Progress([job, from, span](double fraction) { job->on_progress(from + span * fraction); }),
          job->cancel};
}

std::vector<PictureWork> PipelineStage::make_all(std::vector<PictureWork> works, const StageCall& call) {
  for (PictureWork& work : works) {
    const CurrentJob current(work.job.get());
    try {
      work = make(work, call, execution(call, 0, control_of(work)));
    } catch (const Error& error) {
      if (is_of_the_worker(error)) throw;  // passed on unchanged, because it may say which worker failed
      work.error = error;
    } catch (...) {
      Error error = current_torch_error();
      if (is_of_the_worker(error)) throw error;
      work.error = std::move(error);
    }
  }
  return works;
}

std::vector<std::any> PipelineStage::run(const StageCall& call, std::span<const std::any> inputs) {
  std::vector<PictureWork> all, alive;
  for (const std::any& input : inputs) all.push_back(std::any_cast<const PictureWork&>(input));
  for (PictureWork& work : all) {
    if (work.error) continue;
    if (work.job->cancel.cancelled()) {
      work.error = Error(ErrorCode::kCancelled, "Cancelled.");
      continue;
    }
    work.job->on_stage(shown_);
    alive.push_back(work);
  }
  try {
    if (!alive.empty()) alive = make_all(std::move(alive), call);
  } catch (...) {
    const Error error = current_torch_error();
    if (error.code() == ErrorCode::kOutOfMemory) throw with_remedy(error, name_);
    throw;
  }
  // Weights on the CPU stay in their file. If the file was cut meanwhile, the result was made of zeros.
  if (const auto damage = mapped_file_damage()) {
    for (PictureWork& work : alive) work.error = work.error.value_or(*damage);
  }
  std::vector<std::any> outputs;
  auto next = alive.begin();
  for (PictureWork& work : all) outputs.emplace_back(work.error ? std::move(work) : std::move(*next++));
  return outputs;
}

std::vector<CostPoint> PipelineStage::points_of(const std::vector<CostSample>& samples,
                                                const Settings& settings,
                                                const std::vector<Worker>& workers) const {
  std::vector<CostPoint> points;
  const std::string size = size_for_costs(settings);
  for (const CostSample& sample : samples) {
    if (sample.stage != name_ || sample.variant != profile_.variant) continue;
    StageProfile then;
    bool is_as_asked = false;
    try {
      const Settings settings_then = settings_from_json(sample.size);
      then = profile_for(settings_then, workers);
      is_as_asked = size_for_costs(settings_then) == size;
    } catch (const Error&) {
      continue;  // these are settings of another version
    }
    const auto add = [&](const StageProfile& profile) {
      for (StageMode mode : profile.modes) {
        if (!mode.execution.is_like(sample.mode)) continue;
        if (workers.front().kind == DeviceKind::kCpu) mode.launch_seconds = 0;
        points.push_back({sample, mode, profile.output_bytes_per_picture, is_as_asked});
      }
    };
    add(then);
    for (const StageProfile& other : then.in_other_precisions) add(other);
  }
  return points;
}

void PipelineStage::set_side_seconds(StageProfile& profile, const StageProfile& of_one_thread,
                                     const Worker& worker) {
  Worker side = worker;
  side.threads = 1;
  for (size_t i = 0; i < profile.modes.size(); ++i) {
    StageMode& mode = profile.modes[i];
    const double on_device = mode.time(1, side) - mode.host_seconds_per_picture;
    mode.side_seconds_per_picture = std::max(1e-6, of_one_thread.modes[i].time(1, side) - on_device);
  }
}

void PipelineStage::prepare(const Settings& settings, const std::vector<Worker>& workers,
                            const std::vector<CostSample>& samples,
                            const std::vector<CostSample>& of_one_thread, int64_t decoding_bytes) {
  decoding_bytes_ = decoding_bytes;
  profile_ = profile_for(settings, workers);
  decoding_bytes_ = 0;  // samples are of small pictures
  const std::vector<CostPoint> points = points_of(samples, settings, workers),
                               points_of_one = points_of(of_one_thread, settings, workers);
  const auto finish = [&](StageProfile& profile) {
    profile.name = name_;
    StageProfile fitted_to_one = profile;
    fit_costs(profile, points);
    fit_costs(fitted_to_one, points_of_one);
    if (profile.on_host && fitted_to_one.measured) set_side_seconds(profile, fitted_to_one, workers.front());
  };
  finish(profile_);
  for (StageProfile& other : profile_.in_other_precisions) finish(other);
}

double element_bytes(const std::string& precision) { return precision == "fp32" ? 4 : 2; }

double seconds_of(double operations, const std::string& precision) {
  return operations / (precision == "fp32" ? kThreadOperations : kHalfGain * kThreadOperations);
}

namespace {

/// The half precision that is fallen back to: any processor knows bf16, none is fast in fp16.
std::string half_for(const std::vector<Worker>& workers) {
  const std::string fast = fast_precision(workers);
  return fast == "fp16" ? fast : "bf16";
}

}  // namespace

StageProfile network_profile(const Settings& settings, const std::string& stage,
                             const std::vector<Worker>& workers,
                             const std::function<std::vector<StageMode>(const std::string&)>& modes,
                             const std::function<void(StageProfile&)>& complete) {
  const auto profile_in = [&](const std::string& precision) {
    StageProfile profile;
    profile.modes = modes(precision);
    profile.max_batch = kAnyBatch;
    if (precision == "fp32") {
      const std::vector<StageMode> halves = modes(half_for(workers));
      for (const bool streamed : {false, true}) {  // the last of each
        const auto last = std::find_if(halves.rbegin(), halves.rend(), [&](const StageMode& mode) {
          return mode.execution.streamed == streamed;
        });
        if (last == halves.rend()) continue;
        profile.modes.push_back(*last);
        ExecutionMode& half = profile.modes.back().execution;
        half.chunked = half.tiled = true;  // the stage before it holds memory too
      }
    }
    complete(profile);
    return profile;
  };
  const std::string asked = stage_precision(settings.precision, stage);
  if (asked != "auto") return profile_in(asked);
  StageProfile profile = profile_in(fast_precision(std::span(workers).first(1)));
  std::set<std::string> others;  // those of single workers, and of several of them together
  for (size_t i = 0; i < workers.size(); ++i) {
    others.insert(fast_precision(std::span(workers).subspan(i, 1)));
    others.insert(fast_precision(std::span(workers).subspan(i)));
  }
  if (others.size() > 1) others.insert("fp32");
  others.erase(profile.modes.front().execution.precision);
  for (const std::string& precision : others) profile.in_other_precisions.push_back(profile_in(precision));
  return profile;
}

std::function<void(size_t, const std::function<void()>&)> on_worker_of(const StageCall& call) {
  return [&call](size_t k, const std::function<void()>& body) {
    call.on_worker(k, [&] {
      const at::NoGradGuard no_grad;
      body();
    });
  };
}

Streaming::Streaming(const StageCall& call, std::vector<std::shared_ptr<StreamedWeights>> weights)
    : weights_(std::move(weights)) {
  for (size_t k = 0; k < weights_.size(); ++k) {
    if (!weights_[k]) continue;
    weights_[k]->begin([&call, k](std::function<void()> task) {
      return call.beside_worker(k, [task = std::move(task)] {
        const at::NoGradGuard no_grad;
        task();
      });
    });
  }
}

Streaming::~Streaming() {
  for (const auto& weights : weights_) {
    if (weights) weights->end();
  }
}

RunTogether run_together_of(const StageCall& call) {
  return [&call](const std::function<void(size_t)>& body, const std::function<void()>& on_failure) {
    call.on_every_worker(
        [&](size_t k) {
          const at::NoGradGuard no_grad;
          body(k);
        },
        on_failure);
  };
}

std::function<void(const std::function<void(size_t)>&)> on_every_worker_of(const StageCall& call) {
  return [&call](const std::function<void(size_t)>& body) {
    call.on_every_worker([&](size_t k) {
      const at::NoGradGuard no_grad;
      body(k);
    });
  };
}

}  // namespace relievo

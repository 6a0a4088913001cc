#include "engine/costs.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <future>

#include "engine/pipeline.h"
#include "nn/errors.h"
#include "runtime/costs/profiler.h"
#include "runtime/execute/device_thread.h"
#include "runtime/execute/learn.h"
#include "runtime/torch/worker_hooks.h"

namespace relievo {
namespace {

constexpr int kPictureSide = 768;

/// A job without an owner.
std::shared_ptr<const JobContext> context_of(const GenerateRequest& request, const CancelToken& cancel) {
  auto context = std::make_shared<JobContext>();
  context->request = &request;
  context->cancel = cancel;
  return context;
}

bool is_like(const Worker& a, const Worker& b) {
  return a.kind == b.kind && a.product == b.product && a.threads == b.threads && a.speed == b.speed;
}

/// The seconds of one picture through all stages, split into those that depend on the worker's speed and the
/// others.
struct Split {
  double device_s = 0, host_s = 0;
  bool measured = true;
};

Split split_seconds(const std::vector<StageProfile>& profiles, const Worker& worker) {
  Split split;
  for (const StageProfile& each : profiles) {
    const StageProfile& profile = each.on(worker);
    const StageMode& mode = profile.modes.front();
    const double host = mode.host_seconds_per_picture / worker.threads;
    split.host_s += host;
    split.device_s += mode.time(1, worker) - host;
    split.measured = split.measured && profile.measured;
  }
  return split;
}

/// Bytes a second at which weights come in; 0 where that was not measured.
double measured_link(const Worker& worker, const MeasuredCosts& costs) {
  double bytes = 0, seconds = 0;
  for (const CostSample& sample : samples_for(worker, costs)) {
    if (sample.load_seconds <= 0) continue;
    bytes += static_cast<double>(sample.weight_bytes);
    seconds += sample.load_seconds;
  }
  return seconds > 0 ? bytes / seconds : 0;
}

}  // namespace

ByteImage profiling_picture(int side, bool has_alpha) {
  ByteImage picture(side, side, has_alpha ? 4 : 3);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const double u = 2 * (x + 0.5) / side - 1, v = 2 * (y + 0.5) / side - 1;
      const double inside = 0.5 - u * u - v * v;  // squared height of a ball of radius 0.7
      const double light = inside > 0 ? 0.25 + 0.75 * std::max(0.0, (std::sqrt(inside) - u - v) / 1.2) : 0.92;
      const double stripes = inside > 0 ? 0.8 + 0.2 * std::sin(20 * u) : 1;
      uint8_t* pixel = picture.pixel(x, y);
      pixel[0] = static_cast<uint8_t>(255 * std::min(1.0, light));
      pixel[1] = static_cast<uint8_t>(255 * std::min(1.0, light * (inside > 0 ? 0.5 * stripes : 1)));
      pixel[2] = static_cast<uint8_t>(255 * std::min(1.0, light * (inside > 0 ? 0.3 : 1)));
      if (has_alpha) pixel[3] = inside > 0 ? 255 : 0;
    }
  }
  return picture;
}

std::vector<CostSample> samples_for(const Worker& worker, const MeasuredCosts& measured) {
  const auto found = measured.find(worker.product);
  if (found == measured.end()) return {};
  std::vector<CostSample> samples = found->second;
  int nearest = 0;
  for (const CostSample& sample : samples) {
    if (nearest == 0 || std::abs(sample.threads - worker.threads) < std::abs(nearest - worker.threads))
      nearest = sample.threads;
  }
  std::erase_if(samples, [&](const CostSample& sample) { return sample.threads != nearest; });
  return samples;
}

std::vector<StageProfile> stage_profiles(const Settings& settings, const std::vector<Worker>& workers,
                                         const MeasuredCosts& measured) {
  const auto stages = make_stages(pipeline_config(settings), find_models({}));
  prepare(stages, settings, workers, measured);
  return profiles_of(stages);
}

void set_measured_speeds(std::vector<Worker>& workers, const Settings& settings,
                         const MeasuredCosts& measured) {
  for (Worker& worker : workers) {
    if (const double link = measured_link(worker, measured); link > 0) worker.host_bytes_per_second = link;
  }
  set_measured_links(workers, measured);
  const Worker first = workers.front();
  std::vector<StageProfile> reference;  // as the workers are planned with
  for (size_t i = 1; i < workers.size(); ++i) {
    Worker& worker = workers[i];
    if (is_like(worker, first)) continue;
    if (reference.empty()) reference = stage_profiles(settings, workers, measured);
    const Split real = split_seconds(stage_profiles(settings, {worker}, measured), worker),
                assumed = split_seconds(reference, worker);
    if (!real.measured || !split_seconds(reference, first).measured) continue;
    const double left = real.device_s + real.host_s - assumed.host_s;
    if (left > 0) worker.speed *= assumed.device_s / left;
  }
}

namespace {

std::vector<CostSample> profile_worker(const Worker& worker, const std::vector<Worker>& all,
                                       const ProfileRequest& request) {
  const auto stages = make_stages(pipeline_config(request.settings), find_models({}));
  prepare(stages, request.settings, {worker});
  GenerateRequest generate;
  generate.name = "profile";
  generate.settings = request.settings;
  generate.bytes = profiling_picture(kPictureSide, request.settings.mask == MaskKind::kAlpha);
  complete_request(generate);
  PictureWork work;
  work.job = context_of(generate, request.control.cancel);

  ProfilerOptions options;
  options.batches = request.batches;
  options.repeats = request.repeats;
  options.all_modes = request.all_modes;
  options.size = to_json(request.settings);
  options.hooks = make_worker_hooks(all);
  options.hooks.current_error = current_torch_error;
  options.control = request.control;
  options.on_call = request.on_call;
  options.check = [](const std::any& output) {
    const auto& made = std::any_cast<const PictureWork&>(output);
    if (made.error) throw *made.error;
  };
  std::vector<CostSample> samples;
  WorkerThread thread(worker, options.hooks);
  thread.run([&] {
    samples = measure_costs(worker, std::vector<std::shared_ptr<Stage>>(stages.begin(), stages.end()), work,
                            options);
  });
  return samples;
}

}  // namespace

std::vector<CostSample> profile_stages(const std::vector<Worker>& workers, const ProfileRequest& request) {
  std::vector<std::future<std::vector<CostSample>>> others;
  for (size_t i = 1; i < workers.size(); ++i) {
    others.push_back(std::async(std::launch::async, [&, i] {
      ProfileRequest same = request;
      same.control.progress = {};
      same.on_call = {};
      return profile_worker(workers[i], workers, same);
    }));
  }
  std::vector<std::vector<CostSample>> runs{profile_worker(workers.front(), workers, request)};
  for (auto& other : others) runs.push_back(other.get());
  return mean_of(runs);
}

std::vector<CostSample> mean_of(const std::vector<std::vector<CostSample>>& runs) {
  std::vector<CostSample> means = runs.front();
  for (size_t done = 1; done < runs.size(); ++done) {
    for (const CostSample& theirs : runs[done]) {
      for (CostSample& ours : means) {
        if (!is_same_call(ours, theirs)) continue;
        ours.seconds += (theirs.seconds - ours.seconds) / static_cast<double>(done + 1);
        ours.load_seconds = std::max(ours.load_seconds, theirs.load_seconds);
        ours.workspace_bytes = std::max(ours.workspace_bytes, theirs.workspace_bytes);
        ours.output_bytes = std::max(ours.output_bytes, theirs.output_bytes);
      }
    }
  }
  return means;
}

}  // namespace relievo

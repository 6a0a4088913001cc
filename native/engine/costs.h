// The costs of a generation's stages: formulas of the settings, fitted to what `relievo profile` measured.
// This is the one home of costs, for machines that are there and for those that are not.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "engine/settings.h"
#include "runtime/costs/cost_store.h"

namespace relievo {

/// The samples of a worker's device, taken with the number of threads that is nearest to the worker's.
std::vector<CostSample> samples_for(const Worker& worker, const MeasuredCosts& measured);

/// The profiles of the stages with these settings, in order, on workers like the first.
std::vector<StageProfile> stage_profiles(const Settings& settings, const std::vector<Worker>& workers,
                                         const MeasuredCosts& measured = {});

/// Sets what was measured of the workers besides their stages. A worker of another kind than the first gets
/// the speed at which all stages together take as long as they were measured to take, if both kinds were
/// measured with these settings. All get the measured rates at which weights come in from host memory, and of
/// the links between GPUs.
void set_measured_speeds(std::vector<Worker>& workers, const Settings& settings,
                         const MeasuredCosts& measured = {});

struct ProfileRequest {
  Settings settings = {};
  std::vector<int> batches{1, 2};
  /// Calls of each batch, after one call to warm up; 0 makes one call without warming up.
  int repeats = 1;
  bool all_modes = true;
  Control control = {};
  /// Is called before a call on the first worker, on its thread.
  std::function<void(const std::string& stage, const StageMode& mode, int batch)> on_call = {};
};

/// Runs the real stages on workers of this machine that are of one kind, on a picture of a ball, and returns
/// their costs. It runs on all of them at the same time, as a run does, because they share memory's bandwidth
/// and more. Seconds are means, bytes the highest values. Throws Error{kModelMissing}, Error{kOutOfMemory}
/// when a stage does not fit at all, Error{kCancelled}, and the errors of stages.
std::vector<CostSample> profile_stages(const std::vector<Worker>& workers, const ProfileRequest& request);

/// Merges the samples of several runs, call by call of the first run: the mean seconds, the most bytes.
std::vector<CostSample> mean_of(const std::vector<std::vector<CostSample>>& runs);

/// The picture that stages are profiled with: a shaded ball on a plain ground, or already cut out by alpha.
ByteImage profiling_picture(int side, bool has_alpha);

}  // namespace relievo

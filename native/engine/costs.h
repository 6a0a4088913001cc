// What the stages of a generation cost: their formulas of the settings, bent to what `relievo calibrate`
// measured. The one home of costs, for machines that are there and for those that are not.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "engine/settings.h"
#include "runtime/costs/cost_store.h"

namespace relievo {

/// The samples of a worker's device: of those with the number of threads that is nearest to the worker's.
std::vector<CostSample> samples_for(const Worker& worker, const MeasuredCosts& measured);

/// The stages with these settings, in order, as they cost on workers like the first.
std::vector<StageProfile> stage_profiles(const Settings& settings, const std::vector<Worker>& workers,
                                         const MeasuredCosts& measured = {});

/// What was measured of the workers besides their stages. Their speeds, of those that are of another kind
/// than the first, as far as both kinds were measured with these settings: so that all stages together take
/// as long as they were measured to take. And how fast weights come in from host memory.
void set_measured_speeds(std::vector<Worker>& workers, const Settings& settings,
                         const MeasuredCosts& measured = {});

struct ProfileRequest {
  Settings settings = {};
  std::vector<int> batches{1, 2};
  int repeats = 1;  ///< of each batch, after one call to warm up; 0: one, cold
  bool all_modes = true;
  Control control = {};
  /// Before a call on the first worker, on its thread.
  std::function<void(const std::string& stage, const StageMode& mode, int batch)> on_call = {};
};

/// Runs the real stages on workers of this machine that are of one kind, on a picture of a ball, and returns
/// what they cost: on all of them at the same time, as a run does, for they share memory's bandwidth and
/// more. Seconds are means, bytes the most. Throws Error{kModelMissing}, Error{kOutOfMemory} when a stage
/// does not fit at all, Error{kCancelled}, and what stages throw.
std::vector<CostSample> profile_stages(const std::vector<Worker>& workers, const ProfileRequest& request);

/// Of the calls of the first run, as all runs measured them: the mean seconds, the most bytes.
std::vector<CostSample> mean_of(const std::vector<std::vector<CostSample>>& runs);

/// The picture that is profiled with: a shaded ball on a plain ground, or with alpha cut out already.
ByteImage profiling_picture(int side, bool has_alpha);

}  // namespace relievo

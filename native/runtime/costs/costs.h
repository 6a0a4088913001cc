// The costs of a stage: bytes of weights and of workspace, and seconds, for a mode and a batch. Formulas of
// the sizes that are asked for estimate them; the formulas are fitted to samples measured on a device.
//
//   costs.h          the profile of a stage, and fitting it to samples
//   least_squares.h  non-negative least squares, by which it is fitted
//   stage.h          a stage as the runtime sees it: profile, load, unload, run
//   profiler.h       runs stages on a worker and measures those samples
//   cost_store.h     keeps samples, and which batches did not fit, from one run to the next
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/machine/workers.h"

namespace relievo {

/// The way in which a stage computes.
struct ExecutionMode {
  std::string precision = "fp32";  ///< `fp32`, `bf16`, `fp16`
  bool chunked = false;            ///< fewer points, rows or channels at a time
  bool tiled = false;              ///< the VAE works on strips of its pictures
  /// Side of the input divided by the one that was asked for.
  double input_scale = 1;
  bool streamed = false;  ///< weights come from host memory layer by layer, while the layers before compute

  /// Returns whether both are the same way to compute; they may have been asked for another size of input.
  bool is_like(const ExecutionMode& other) const;
  bool operator==(const ExecutionMode&) const = default;
};

/// `full`, `chunked`, `tiled` (which is also chunked), `streamed` or `smaller input`, as plans and logs call
/// it; they add the precision.
std::string mode_name(const ExecutionMode& mode);

/// The fallbacks that a stage may take, or takes, when memory is short.
struct Fallbacks {
  bool chunked = false, tiled = false, half_precision = false, smaller_input = false, streamed = false;

  /// Chunks and tiles give the same numbers except for rounding, streamed weights the same.
  bool change_result() const { return half_precision || smaller_input; }
  bool include(const Fallbacks& others) const;
  bool operator==(const Fallbacks&) const = default;
};

/// The most pictures at a time of a stage that takes as many as memory allows.
inline constexpr int kAnyBatch = 4096;

/// The costs of one way to run a stage, affine in the batch: a constant part, and a part for each picture.
struct StageMode {
  ExecutionMode execution;
  int64_t weight_bytes = 0;
  double workspace_bytes = 0;
  double workspace_bytes_per_picture = 0;
  double seconds = 0;  ///< seconds of one call on a worker of speed 1 (workers.h)
  double seconds_per_picture = 0;
  /// Seconds of one processor thread besides, for work that no GPU takes over.
  double host_seconds_per_picture = 0;
  /// The same of a worker's side threads, which have a picture each; 0 where that was not measured.
  double side_seconds_per_picture = 0;
  /// Seconds in which a device that is not the processor is given the work of a call, whatever its speed.
  double launch_seconds = 0;
  /// Bytes of weights that come from host memory during a call, while it computes.
  double streamed_bytes = 0;
  /// Seconds to bring the weights in for the first time, from files; 0 where that was not measured.
  double first_load_seconds = 0;
  /// Says in words what is smaller than asked for: `views of 256 instead of 320 pixels`.
  std::string smaller = {};

  int64_t workspace(int batch) const;  ///< bytes, rounded up
  /// The same, or else what is expected: a file gives about 1 GB a second.
  double first_load() const {
    return first_load_seconds > 0 ? first_load_seconds : double(weight_bytes) / 1e9;
  }
  /// The seconds of a call.
  double time(int batch, const Worker& worker) const {
    const double computing = (seconds + seconds_per_picture * batch) / worker.speed_in(execution.precision);
    return std::max(computing, streamed_bytes / worker.host_bytes_per_second) +
           host_seconds_per_picture * batch / worker.threads + launching(worker);
  }
  /// Of them, those in which the worker is only given the work.
  double launching(const Worker& worker) const {
    return worker.kind == DeviceKind::kCpu ? 0 : launch_seconds;
  }
  /// The seconds of a picture on one of the worker's side threads.
  double side_time(const Worker& worker) const {
    Worker side = worker;
    side.threads = 1;
    const double beyond =
        side_seconds_per_picture > 0 ? side_seconds_per_picture - host_seconds_per_picture : 0;
    return time(1, side) + beyond;
  }
};

/// What workers divide that share a picture in a stage: its networks, as they are free; the halves of
/// guidance; rows of pictures in strips; rows of pictures or tokens in a transformer; or query points, as
/// they are free.
enum class PartKind { kNetworks, kHalves, kStrips, kTokens, kPoints };
std::string part_name(PartKind kind);  ///< `networks`, `halves of guidance`, `strips`, `tokens`, `points`

/// A way to share a picture's work in a stage. Every worker has all of the stage's weights. Workers that
/// share pictures take one at a time, because a second one would only wait: their groups have a batch of 1.
struct PictureParts {
  PartKind kind = PartKind::kPoints;
  /// The number of equal parts that the work has; 0: as many as one likes.
  int count = 0;
  double repeated = 0;            ///< the share of the work that every worker does, whatever its parts
  int64_t bytes_per_picture = 0;  ///< that the parts of a call give each other, in all
  double waits = 0;               ///< how often in a call the workers wait for each other
};

/// A stage as the planner sees it.
struct StageProfile {
  std::string name;
  /// Modes in the order in which they are tried; the first is the wanted one.
  std::vector<StageMode> modes;
  int max_batch = 1;
  int blocks = 1;                        ///< the number of blocks that its layers can be split into
  std::vector<PictureParts> parts = {};  ///< the ways in which workers can share its pictures
  /// Most of it is work of the processor, whatever the worker is: it can run on the worker's side threads
  /// while other stages compute other pictures.
  bool on_host = false;
  int64_t output_bytes_per_picture = 0;  ///< bytes that are handed to the next stage
  /// Bytes that are handed from worker to worker inside it, when its layers are split.
  int64_t activation_bytes_per_picture = 0;
  /// How often that happens in a call: once for each diffusion step.
  double handovers = 1;
  /// What besides sizes decides its costs: which weights it holds.
  std::string variant = {};
  bool measured = false;  ///< the costs of the first mode were measured
  /// The same stage in other precisions, for workers that are fast in those.
  std::vector<StageProfile> in_other_precisions = {};

  /// The profile by which these workers run the stage together: in the precision of all of them
  /// (fast_precision) where it is left open.
  const StageProfile& on(std::span<const Worker> workers) const;
  const StageProfile& on(const Worker& worker) const { return on(std::span(&worker, 1)); }

  /// The costs of one of its modes, in whatever precision. Throws Error{kInternal} for another mode.
  const StageMode& mode(const ExecutionMode& execution) const;
  /// The last mode that needs no fallbacks besides these.
  const StageMode& mode_within(const Fallbacks& allowed) const;
  /// The fallbacks by which a mode differs from the wanted one.
  Fallbacks fallbacks_of(const ExecutionMode& execution) const;
};

/// One measurement on one worker.
struct CostSample {
  std::string stage;
  std::string variant;  ///< variant of the profile
  /// The size that was asked for, in the words of the code that measured.
  std::string size;
  ExecutionMode mode = {};
  int batch = 1;
  int threads = 1;   ///< threads of the worker
  double speed = 1;  ///< of the worker, in the mode's precision
  int64_t weight_bytes = 0;
  /// The highest use during the call, less what was there before.
  int64_t workspace_bytes = 0;
  /// Outputs of all pictures, in the worker after the call.
  int64_t output_bytes = 0;
  double seconds = 0;  ///< on that worker
  /// Time to load its weights into the worker, from files that were read before; 0 where it was not measured.
  double load_seconds = 0;
  /// The same from files for the first time in a process.
  double first_load_seconds = 0;
  /// False where only seconds were measured: a job's, which do not tell its bytes by stage.
  bool has_bytes = true;
  int runs = 1;  ///< the number of calls of which the seconds are the mean
};

/// Returns whether both measured the same: stage, variant, size, mode, batch and threads.
bool is_same_call(const CostSample& a, const CostSample& b);

/// A sample beside the values that the formulas give for its size.
struct CostPoint {
  CostSample sample;
  StageMode estimate;
  int64_t output_estimate = 0;  ///< bytes for each picture
  /// It was measured with the very settings that costs are wanted for.
  bool is_as_asked = false;
};

/// Fits the costs of every mode that `points` measured (of the same stage and variant), so that other batches
/// and sizes can be told from them. Workspace and seconds become
///   a + b * once + batch * (c + d * each),
/// with the formulas' value for a call (once) and for a picture (each), by least squares of the relative
/// errors, with no negative part and as few parts as will do; no measured workspace lies above the fitted
/// one. Where points are as asked, seconds are scaled so that their mean is met. Sets `measured` when the
/// first mode was measured.
void fit_costs(StageProfile& profile, const std::vector<CostPoint>& points);

}  // namespace relievo

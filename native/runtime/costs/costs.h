// What a stage costs: bytes of weights and of workspace, and seconds, for a mode and a batch. Estimated by
// formulas of the sizes that are asked for; measured samples bend the formulas to a device.
//
//   costs.h          the profile of a stage, and fitting it to samples
//   least_squares.h  non-negative least squares, by which it is fitted
//   stage.h          a stage as the runtime sees it: profile, load, unload, run
//   profiler.h       runs stages on a worker and measures those samples
//   cost_store.h     keeps samples, and which batches did not fit, from one run to the next
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/machine/workers.h"

namespace relievo {

/// How a stage computes.
struct ExecutionMode {
  std::string precision = "fp32";  ///< `fp32`, `bf16`, `fp16`
  bool chunked = false;            ///< fewer points, rows or channels at a time
  bool tiled = false;              ///< the VAE works on strips of its pictures
  double input_scale = 1;          ///< the side of the input by the one that was asked for

  /// Whether both are the same way to compute, where one may have been asked for another size of input.
  bool is_like(const ExecutionMode& other) const;
  bool operator==(const ExecutionMode&) const = default;
};

/// `full`, `chunked`, `tiled` (which is chunked, too) or `smaller input`, as plans and logs say it; the
/// precision is said besides.
std::string mode_name(const ExecutionMode& mode);

/// What a stage may do, or does, when memory is short.
struct Fallbacks {
  bool chunked = false, tiled = false, half_precision = false, smaller_input = false;

  /// Chunks and tiles give the same numbers but for rounding.
  bool change_result() const { return half_precision || smaller_input; }
  bool include(const Fallbacks& others) const;
  bool operator==(const Fallbacks&) const = default;
};

/// What one way to run a stage costs, affine in the batch: what is there once, and what each picture adds.
struct StageMode {
  ExecutionMode execution;
  int64_t weight_bytes = 0;
  double workspace_bytes = 0;
  double workspace_bytes_per_picture = 0;
  double seconds = 0;  ///< of one call, on a worker of speed 1 (workers.h)
  double seconds_per_picture = 0;
  double host_seconds_per_picture = 0;  ///< of one processor thread, besides: what no GPU takes over
  std::string smaller =
      {};  ///< what is smaller than asked for, in words: `views of 256 instead of 320 pixels`

  int64_t workspace(int batch) const;  ///< bytes, rounded up
  /// Seconds of a call.
  double time(int batch, const Worker& worker) const {
    return (seconds + seconds_per_picture * batch) / worker.speed +
           host_seconds_per_picture * batch / worker.threads;
  }
};

/// A stage as the planner sees it.
struct StageProfile {
  std::string name;
  std::vector<StageMode> modes;  ///< in the order in which they are tried; the first is what is wanted
  int max_batch = 1;
  int blocks = 1;                            ///< that its layers can be split into, over workers
  bool guidance_halves = false;              ///< its two guidance halves can run on two workers
  bool points = false;                       ///< its query points can be divided over workers
  int64_t output_bytes_per_picture = 0;      ///< handed to the next stage
  int64_t activation_bytes_per_picture = 0;  ///< handed from worker to worker inside it, when it is split
  double handovers = 1;                      ///< how often that happens a call: diffusion steps
  std::string variant = {};                  ///< what besides sizes decides its costs: which weights it holds
  bool measured = false;                     ///< the costs of the first mode were measured

  /// The costs of one of its modes. Throws Error{kInternal} for another.
  const StageMode& mode(const ExecutionMode& execution) const;
  /// The last mode that needs no other fallbacks.
  const StageMode& mode_within(const Fallbacks& allowed) const;
  /// What sets a mode apart from the one that is wanted.
  Fallbacks fallbacks_of(const ExecutionMode& execution) const;
};

/// One measurement on one worker.
struct CostSample {
  std::string stage;
  std::string variant;  ///< of the profile
  std::string size;     ///< what was asked for, in the words of who measured
  ExecutionMode mode = {};
  int batch = 1;
  int threads = 1;  ///< of the worker
  double speed = 1;
  int64_t weight_bytes = 0;
  int64_t workspace_bytes = 0;  ///< peak of the call less what was there before
  int64_t output_bytes = 0;     ///< of all pictures, in the worker after the call
  double seconds = 0;           ///< on that worker
  double load_seconds = 0;      ///< of its weights into the worker, files read before; 0: not measured
};

/// Whether both measured the same: stage, variant, size, mode, batch and threads.
bool is_same_call(const CostSample& a, const CostSample& b);

/// A sample beside what the formulas say for its size.
struct CostPoint {
  CostSample sample;
  StageMode estimate;
  int64_t output_estimate = 0;  ///< bytes a picture
};

/// Bends the costs of every mode that `points` measured (of the same stage and variant), so
/// that other batches and sizes can be told from them. Workspace and seconds become
///   a + b * once + batch * (c + d * each),
/// with what the formulas say of a call (once) and a picture (each), by least squares of the relative errors,
/// no part negative, and as few parts as will do; of the workspace no measured one lies above it. Sets
/// `measured` when the first mode was measured.
void fit_costs(StageProfile& profile, const std::vector<CostPoint>& points);

}  // namespace relievo

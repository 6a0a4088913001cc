// The planner: which worker does what. A pure function of workers, stage costs, number of pictures and
// policy; it touches no device.
//
// A plan divides the workers into device groups. A group makes whole pictures, pulling them from one queue
// (data parallel between groups). Inside, a group is one worker; or several as a pipeline (each holds some
// stages, pictures overlap); or several that share each picture (layers split over them, or guidance halves
// and query points). The search is exhaustive over the ways to cut the list of workers into groups of
// neighbours (dynamic programming), with every candidate's memory and time computed without looking at what
// it is compared with: so more memory never makes a plan slower, and a plan is never worse than the best
// single worker's.
//
//   plan.h        the plan, and the search for it
//   candidates.h  every group that neighbouring workers can form
//   describe.h    a plan in words
//   simulate.h    a plan at work on a machine that is not there
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "runtime/costs/costs.h"
#include "runtime/machine/workers.h"

namespace relievo {

enum class Policy { kFastest, kBalanced, kMemory };
/// Of workers: one that makes whole pictures; several that keep some stages each; several that share the
/// layers of a stage; several that share each picture (guidance halves, query points).
enum class GroupKind { kReplica, kPipeline, kShardedLayers, kShardedPictures };

/// A wish for one kind of parallel work. kAuto takes what is best.
enum class Strategy { kAuto, kSingle, kData, kStage, kGuidance, kSplit, kOffload };

/// From the words that people write: `fastest`, `balanced`, `memory`; `auto`, `single`, `data`, `stage`,
/// `guidance`, `split`, `offload`. Throws Error{kInvalidSettings}.
Policy policy_of(const std::string& word);
Strategy strategy_of(const std::string& word);

/// Whether it is about workers that work on the same pictures.
inline bool needs_several(Strategy strategy) {
  return strategy == Strategy::kStage || strategy == Strategy::kGuidance || strategy == Strategy::kSplit;
}

struct PlanOptions {
  int pictures = 1;
  Policy policy = Policy::kFastest;
  Strategy strategy = Strategy::kAuto;
  bool allow_lossy = true;
};

struct StagePlacement {
  int stage = 0;
  ExecutionMode mode;
  bool resident = true;      ///< else its weights wait in host memory while other stages run
  bool ahead = false;        ///< and come in while the stage before it runs, not after
  std::vector<int> workers;  ///< one, or those that share it
  std::vector<int> blocks;   ///< of the layer split, by worker; else empty
};

struct DeviceGroup {
  GroupKind kind = GroupKind::kReplica;
  std::vector<int> workers;
  int batch = 1;
  std::vector<StagePlacement> stages;
  double latency_s = 0;             ///< of one batch from end to end
  double interval_s = 0;            ///< between two batches
  std::vector<double> station_s;    ///< pipeline: seconds of each worker a batch; else the latency alone
  std::vector<int64_t> peak_bytes;  ///< by worker of the group
};

struct Plan {
  Fallbacks fallbacks;  ///< that stages take, where they have them
  std::vector<DeviceGroup> groups;
  double seconds = 0;
  std::vector<std::string> reasons;  ///< what is done and why, one sentence each
  std::vector<std::string> idle;     ///< which workers do nothing and why

  bool lossy() const { return fallbacks.change_result(); }
};

/// Throws Error{kOutOfMemory} with what is missing when nothing fits with all fallbacks,
/// Error{kInvalidSettings} when the strategy cannot be followed (one worker for the guidance split, no stage
/// that offers it, ...).
Plan find_plan(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
               const PlanOptions& options);

/// The same for some of the workers, by index, when the others are lost; whatever strategy was wished for,
/// for it may need those. Its groups name workers by their index among all.
Plan find_plan_for_some(const std::vector<Worker>& workers, const std::vector<int>& alive,
                        const std::vector<StageProfile>& stages, PlanOptions options);

/// What else could have been done than `taken`, a plan of these, and why it was not: a sentence for each
/// strategy. It searches once for each of them.
std::vector<std::string> describe_alternatives(const Plan& taken, const std::vector<Worker>& workers,
                                               const std::vector<StageProfile>& stages,
                                               const PlanOptions& options);

}  // namespace relievo

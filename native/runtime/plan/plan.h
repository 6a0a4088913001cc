// The planner decides which worker does what. It is a pure function of workers, stage costs, number of
// pictures and policy; it touches no device.
//
// A plan divides the workers into device groups. A group makes whole pictures, pulling them from one queue
// (data parallel between groups). Inside, a group is one worker; or several as a pipeline (each holds some
// stages, pictures overlap); or several that share each picture (layers split over them, or parts of each
// stage's work). The search is exhaustive over the ways to cut the list of workers into groups of
// neighbours (dynamic programming), with every candidate's memory and time computed independently of the
// others: so more memory never makes a plan slower, and a plan is never worse than the best single worker's.
//
//   plan.h         the plan
//   search.h       the search for it
//   worker_runs.h  runs of neighbouring workers, and which of them are alike
//   candidates.h   every group that such a run can form
//   stations.h     what of a group a picture passes, and what that takes
//   describe.h     a plan in words
//   simulate.h     a plan at work on a machine that is not there
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "runtime/costs/costs.h"
#include "runtime/machine/workers.h"

namespace relievo {

enum class Policy { kFastest, kBalanced, kMemory };
/// The kinds of groups: one worker that makes whole pictures; several that keep some stages each; several
/// that share the layers of a stage; several that share each picture, by parts of each stage's work
/// (PartKind).
enum class GroupKind { kReplica, kPipeline, kShardedLayers, kShardedPictures };

/// A wish for one kind of parallel work. kAuto takes the best.
enum class Strategy { kAuto, kSingle, kData, kStage, kGuidance, kSplit, kOffload };

/// Parse the words that people write: `fastest`, `balanced`, `memory`; `auto`, `single`, `data`, `stage`,
/// `guidance`, `split`, `offload`. Throw Error{kInvalidSettings}.
Policy policy_of(const std::string& word);
Strategy strategy_of(const std::string& word);

/// Returns whether the strategy needs several workers for the same pictures.
inline bool needs_several(Strategy strategy) {
  return strategy == Strategy::kStage || strategy == Strategy::kGuidance || strategy == Strategy::kSplit;
}

struct PlanOptions {
  int pictures = 1;
  Policy policy = Policy::kFastest;
  Strategy strategy = Strategy::kAuto;
  bool allow_lossy = true;
  bool use_side_threads = true;
};

struct StagePlacement {
  int stage = 0;
  ExecutionMode mode;
  /// Its weights stay loaded; else they wait in host memory while other stages run.
  bool resident = true;
  /// Such weights are loaded while the stage before it runs, not after.
  bool ahead = false;
  /// It runs on the worker's side threads, each with a picture of its own, while other stages compute others.
  bool on_side = false;
  std::vector<int> workers;  ///< one worker, or those that share it
  /// The number of blocks for each worker of the layer split; else empty.
  std::vector<int> blocks = {};
  /// What a batch, or on a side thread a picture, is expected to take: in all, of it for copies between its
  /// workers, and of it the computing of each of its workers.
  double seconds = 0, transfer_s = 0;
  std::vector<double> computing_s = {};
  /// Where several workers share each picture, what they divide, and the number of parts of each; empty where
  /// they take them as they are free.
  PartKind part_kind = PartKind::kPoints;
  std::vector<int> parts = {};
  double repeated = 0;  ///< the share of the work that each of them does
};

/// Consecutive stages that a batch passes on one thread, or each of its pictures on one of a worker's side
/// threads. Between two stations a batch waits, or two.
struct Station {
  int worker = 0;  ///< whose thread it is
  bool on_side = false;
  size_t first = 0, last = 0;  ///< placements of the group: first .. last - 1
  double seconds = 0;          ///< of a batch, weights included; on a side thread of a picture
};

struct DeviceGroup {
  GroupKind kind = GroupKind::kReplica;
  std::vector<int> workers;
  int batch = 1;
  int side_threads = 0;  ///< of its first worker, for stages that are the processor's work
  std::vector<StagePlacement> stages;
  double latency_s = 0;   ///< seconds of one batch from end to end
  double interval_s = 0;  ///< seconds between two batches
  std::vector<Station> stations;
  std::vector<int64_t> peak_bytes;  ///< for each worker of the group
};

enum class IdleReason { kPolicy, kStrategy, kNothingFits, kOnePicture, kNotFaster };

/// A worker that does nothing.
struct IdleWorker {
  int worker = 0;
  std::string name;
  IdleReason reason = IdleReason::kNotFaster;
  std::string why = {};  ///< the end of a sentence: `one picture alone is made faster without it`

  std::string sentence() const { return name + " is left idle: " + why + "."; }
};

struct Plan {
  /// The fallbacks that stages take, where they have them.
  Fallbacks fallbacks;
  std::vector<DeviceGroup> groups;
  double seconds = 0;
  /// Sentences that say what is done and why.
  std::vector<std::string> reasons;
  std::vector<IdleWorker> idle;
  /// The seconds of the fastest device alone, one picture after the other, by the same fallbacks; 0 where no
  /// device can do it alone.
  double alone_s = 0;
  /// What keeps it from being faster yet: the end of a sentence, empty where there is one device without side
  /// threads.
  std::string limit = {};

  /// How many times as fast as one device alone; 0 where none can do it alone.
  double speed_up() const { return seconds > 0 ? alone_s / seconds : 0; }

  bool lossy() const { return fallbacks.change_result(); }
};

/// Finds the best plan. Throws Error{kOutOfMemory} that says what is missing when nothing fits with all
/// fallbacks, Error{kInvalidSettings} when the strategy cannot be followed (one worker for the guidance
/// split, no stage that offers it, ...).
Plan find_plan(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
               const PlanOptions& options);

/// Finds a plan for some of the workers, by index, when the others are lost. A strategy that was wished for
/// does not count, because it may need the others. The groups name workers by their index among all.
Plan find_plan_for_some(const std::vector<Worker>& workers, const std::vector<int>& alive,
                        const std::vector<StageProfile>& stages, PlanOptions options);

/// Says what else could have been done than `taken`, a plan of these, and why it was not: a sentence for each
/// strategy. It searches once for each of them.
std::vector<std::string> describe_alternatives(const Plan& taken, const std::vector<Worker>& workers,
                                               const std::vector<StageProfile>& stages,
                                               const PlanOptions& options);

}  // namespace relievo

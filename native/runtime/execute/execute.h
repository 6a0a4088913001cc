// The executor: carries a plan out with real threads.
//
// Lanes pull pictures from one queue. A lane of one slot, or of slots that share each picture, takes a batch
// through all stages; a pipeline hands batches from slot to slot, with at most one waiting between two. Out
// of memory walks down the ladder at the stage boundary (docs/architecture.md, decision 2). A lost slot is
// dropped with its lane; its pictures are made again elsewhere, from their inputs, and every picture is
// delivered exactly once.
//
//   execute.h        the executor, which owns threads and weights and runs one plan at a time
//   device_thread.h  the thread of a slot, on which everything happens that the slot computes
//   picture_queue.h  the pictures of one run, which lanes pull from
//   channel.h        between two slots of a pipeline: room for one batch
//   stage_runner.h   one stage on one batch, with what is tried when memory runs out
//   weight_cache.h   which weights are in which slot
//   prefetch.h       brings the next stage's weights in while the stage before it computes
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "base/error.h"
#include "runtime/costs/learned_limits.h"
#include "runtime/costs/stage.h"
#include "runtime/execute/device_thread.h"
#include "runtime/plan/plan.h"

namespace relievo {

struct StageRun {
  std::string stage;
  std::string slot;  ///< `cpu#0`, or several with + between
  double seconds = 0;
  int batch = 1;
  ExecutionMode mode = {};
  int64_t peak_bytes = 0;                    ///< of the first slot; 0: not counted
  std::optional<double> fragmentation = {};  ///< of the first slot's allocator after it (SlotHooks)
};

struct Outcome {
  std::any value;
  std::optional<Error> error;
  std::vector<StageRun> stages;
  std::vector<std::string> notes;  ///< fallbacks that were taken, in words
  bool lossy = false;              ///< the plan, or a fallback that was taken, changes the result
  /// The plan that it was made by, in sentences: what is done and why, which slots are idle or were lost.
  std::vector<std::string> plan;
};

struct ExecutorOptions {
  SlotHooks hooks = {};
  std::shared_ptr<LearnedLimits> limits = std::make_shared<LearnedLimits>();
};

struct RunOptions {
  PlanOptions plan = {};  ///< for what is left when slots are lost; allow_lossy also holds for the ladder
  /// All slots as they were planned with, with measured speeds; none: the executor's own.
  std::vector<Slot> planned_slots = {};
  Control control = {};
  /// Each picture once, as soon as it is done; one call at a time, from a slot's thread.
  std::function<void(int picture, const Outcome& outcome)> on_done = {};
  /// More pictures, at most so many, numbered on from the last: asked for whenever a lane is free and nothing
  /// waits, one call at a time, from a slot's thread. The run ends when there are none and nothing is at
  /// work. With it, outcomes are only told to on_done, and run() returns none.
  std::function<std::vector<std::any>(int most)> more = {};
};

class Executor {
 public:
  Executor(std::vector<Slot> slots, std::vector<std::shared_ptr<Stage>> stages, ExecutorOptions options = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Makes all pictures and returns their outcomes in order. Never throws for a picture: a failed one has its
  /// error (out_of_memory after the last fallback, device_lost when no slot is left, cancelled, or its own).
  /// A plan for slots of which some are lost is made again for the others. Throws when the executor itself
  /// runs out of memory, when a callback throws, or when no slot is left before any picture was given: when
  /// no lane works any more. What `more` was not asked for when the last slot went stays with its giver. One
  /// run at a time.
  std::vector<Outcome> run(const Plan& plan, std::vector<std::any> inputs, const RunOptions& options);
  std::vector<Outcome> run(const Plan& plan, std::vector<std::any> inputs);

  /// Gives the memory of all weights back.
  void unload();

  /// Slots that were lost since the executor began; they are not used again.
  std::vector<int> lost_slots() const;

  /// Stages whose weights are in a slot now.
  int loaded() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relievo

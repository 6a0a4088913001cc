// A stage as the runtime sees it: its costs, and how to load it into a worker, run it and unload it. The
// engine adapts the real ones.
#pragma once

#include <any>
#include <functional>
#include <future>
#include <numeric>
#include <span>
#include <vector>

#include "runtime/costs/costs.h"
#include "runtime/machine/workers.h"

namespace relievo {

/// One call of a stage: a batch, in one mode, on one worker or on several that share it.
class StageCall {
 public:
  ExecutionMode mode;
  std::vector<Worker> workers;  ///< the first is the one whose thread makes the call
  /// The number of blocks that each worker runs of a layer split; else empty.
  std::vector<int> blocks;
  /// What the workers divide where they share the pictures, and the number of parts of each; empty where they
  /// take them as they are free.
  PartKind part_kind = PartKind::kPoints;
  std::vector<int> parts = {};

  /// Runs `body` on the thread of workers[k], with its share of threads and its budget, and waits. It is for
  /// layers that run one after the other.
  void on_worker(size_t k, const std::function<void()>& body) const {
    run_on_({k}, [&](size_t) { body(); }, {});
  }

  /// Runs `body(k)` on every worker at once, k = 0 on this thread, and waits for all; the first exception is
  /// thrown again. It is for the parts of pictures. `on_failure` is called as soon as one of them fails, from
  /// any thread, so that none waits for it.
  void on_every_worker(const std::function<void(size_t)>& body,
                       const std::function<void()>& on_failure = {}) const {
    std::vector<size_t> all(workers.size());
    std::iota(all.begin(), all.end(), size_t{0});
    run_on_(all, body, on_failure);
  }

  /// Runs `body` on a second thread of workers[k], beside what its own does; it is called there. It is for
  /// weights that come in.
  std::future<void> beside_worker(size_t k, std::function<void()> body) const {
    if (run_beside_) return run_beside_(k, std::move(body));
    std::packaged_task<void()> now(std::move(body));
    now();
    return now.get_future();
  }

  using RunOn = std::function<void(const std::vector<size_t>& which, const std::function<void(size_t)>& body,
                                   const std::function<void()>& on_failure)>;
  void set_runner(RunOn run_on) { run_on_ = std::move(run_on); }
  using RunBeside = std::function<std::future<void>(size_t k, std::function<void()> body)>;
  void set_run_beside(RunBeside run_beside) { run_beside_ = std::move(run_beside); }

 private:
  RunOn run_on_;
  RunBeside run_beside_;
};

/// The weights that a worker shall hold.
struct StageLoad {
  Worker worker;
  ExecutionMode mode;
  /// Range of blocks for a layer split; both are 0 for the whole stage.
  int first_block = 0, last_block = 0;
  /// The weights are wanted again after each unload(): they should wait in host memory.
  bool waits = false;
};

/// Calls for one worker come from that worker's thread, one at a time; calls for different workers come at
/// the same time. Besides, load() may come from a second thread of the worker, while another stage runs
/// there, and of a stage that is the processor's work (StageProfile::on_host) run() comes from several side
/// threads of the worker at once.
class Stage {
 public:
  virtual ~Stage() = default;

  virtual const StageProfile& profile() const = 0;

  /// Loads the weights into the worker. Throws Error{kOutOfMemory} or {kDeviceLost}, leaving nothing behind.
  virtual void load(const StageLoad& load) = 0;

  /// Unloads the worker's weights. Does not throw.
  virtual void unload(const Worker& worker) = 0;

  /// Computes one output for each input. The inputs stay as they are, because the call is made again after a
  /// failure. A picture's output depends neither on its batchmates nor on the worker; in another precision,
  /// and on a GPU, whose libraries choose other kernels for other batches, this holds except for rounding.
  /// Throws Error{kOutOfMemory}, {kDeviceLost}, {kCancelled}, or an error of the picture.
  virtual std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) = 0;
};

}  // namespace relievo

// A stage as the runtime sees it: what it costs, and how to load it into a worker, run it and give its memory
// back. The engine adapts the real ones.
#pragma once

#include <any>
#include <functional>
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
  std::vector<int> blocks;      ///< of a layer split, by worker; else empty

  /// Runs `body` on the thread of workers[k] (with its share of threads and its budget) and waits; for layers
  /// one after the other.
  void on_worker(size_t k, const std::function<void()>& body) const {
    run_on_({k}, [&](size_t) { body(); });
  }

  /// Runs `body(k)` on every worker at once, k = 0 here, and waits for all; the first exception is thrown
  /// again. For guidance halves and query points.
  void on_every_worker(const std::function<void(size_t)>& body) const {
    std::vector<size_t> all(workers.size());
    std::iota(all.begin(), all.end(), size_t{0});
    run_on_(all, body);
  }

  using RunOn = std::function<void(const std::vector<size_t>&, const std::function<void(size_t)>&)>;
  void set_runner(RunOn run_on) { run_on_ = std::move(run_on); }

 private:
  RunOn run_on_;
};

/// Which weights a worker shall hold.
struct StageLoad {
  Worker worker;
  ExecutionMode mode;
  int first_block = 0, last_block = 0;  ///< of a layer split; both 0: the whole stage
};

/// Calls for one worker come from that worker's thread, one at a time; calls for different workers at the
/// same time. Only load() may also come from a second thread of the worker, while another stage runs there.
class Stage {
 public:
  virtual ~Stage() = default;

  virtual const StageProfile& profile() const = 0;

  /// Brings the weights into the worker. Throws Error{kOutOfMemory} or {kDeviceLost}, leaving nothing behind.
  virtual void load(const StageLoad& load) = 0;

  /// Gives the worker's weights back. Does not throw.
  virtual void unload(const Worker& worker) = 0;

  /// One output for each input. Leaves the inputs as they are: the call is made again after a failure. A
  /// picture's output depends neither on its batchmates nor on the worker. Throws Error{kOutOfMemory},
  /// {kDeviceLost}, {kCancelled}, or what is wrong with the picture.
  virtual std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) = 0;
};

}  // namespace relievo

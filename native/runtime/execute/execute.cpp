#include "runtime/execute/execute.h"

#include <mutex>

#include "runtime/execute/run.h"

namespace relievo {

class Executor::Impl : public ExecutorParts {
 public:
  Impl(const std::vector<Worker>& workers, std::vector<std::shared_ptr<Stage>> given_stages,
       ExecutorOptions given_options)
      : ExecutorParts{.stages = std::move(given_stages),
                      .options = std::move(given_options),
                      .threads = WorkerThreads(workers, options.hooks),
                      .weights = WeightCache(stages, workers.size(), options.hooks)} {}

  /// Weights are unloaded even where there is no memory for a task, and from a device that is lost.
  ~Impl() {
    for (int worker = 0; worker < int(threads.size()); ++worker) {
      const auto unload = [&]() noexcept {
        try {
          weights.unload_others(size_t(worker), stages.size());
          if (options.hooks.release_cache) options.hooks.release_cache(threads.worker(worker));
        } catch (...) {  // the device that this cache is on may be lost
        }
      };
      try {
        threads[worker].run(unload);
      } catch (...) {
        unload();
      }
    }
  }

  std::mutex running;
};

Executor::Executor(const std::vector<Worker>& workers, std::vector<std::shared_ptr<Stage>> stages,
                   ExecutorOptions options)
    : impl_(std::make_unique<Impl>(workers, std::move(stages), std::move(options))) {}

Executor::~Executor() = default;

void Executor::run(const Plan& plan, JobSource& source, const RunOptions& options) {
  const std::lock_guard one_at_a_time(impl_->running);
  Run(*impl_, plan, source, options).carry_out();
}

std::vector<int> Executor::lost_workers() const {
  std::vector<int> workers;
  for (const auto& [worker, why] : impl_->threads.lost()) workers.push_back(worker);
  return workers;
}

int Executor::loaded() const { return impl_->weights.count(); }

void Executor::look_at_memory(std::vector<Worker>& workers) const {
  for (Worker& worker : workers) worker.budget_bytes = memory_now(impl_->options.hooks, worker).budget_bytes;
}

}  // namespace relievo

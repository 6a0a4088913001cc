#include "runtime/execute/execute.h"

#include <mutex>

#include "runtime/execute/run.h"

namespace relievo {

class Executor::Impl : public ExecutorParts {
 public:
  Impl(const std::vector<Slot>& slots, std::vector<std::shared_ptr<Stage>> given_stages,
       ExecutorOptions given_options)
      : ExecutorParts{.stages = std::move(given_stages),
                      .options = std::move(given_options),
                      .threads = SlotThreads(slots, options.hooks),
                      .weights = WeightCache(stages, slots.size(), options.hooks)} {}

  /// Weights go even where there is no memory for a task, and from a device that is gone.
  ~Impl() {
    for (int slot = 0; slot < int(threads.size()); ++slot) {
      const auto unload = [&]() noexcept {
        try {
          weights.unload_others(size_t(slot), stages.size());
          if (options.hooks.release_cache) options.hooks.release_cache(threads.slot(slot));
        } catch (...) {  // the cache of a device that is gone
        }
      };
      try {
        threads[slot].run(unload);
      } catch (...) {
        unload();
      }
    }
  }

  std::mutex running;
};

Executor::Executor(const std::vector<Slot>& slots, std::vector<std::shared_ptr<Stage>> stages,
                   ExecutorOptions options)
    : impl_(std::make_unique<Impl>(slots, std::move(stages), std::move(options))) {}

Executor::~Executor() = default;

void Executor::run(const Plan& plan, JobSource& source, const RunOptions& options) {
  const std::lock_guard one_at_a_time(impl_->running);
  Run(*impl_, plan, source, options).carry_out();
}

std::vector<int> Executor::lost_slots() const {
  std::vector<int> slots;
  for (const auto& [slot, why] : impl_->threads.lost()) slots.push_back(slot);
  return slots;
}

int Executor::loaded() const { return impl_->weights.count(); }

}  // namespace relievo

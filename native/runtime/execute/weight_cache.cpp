#include "runtime/execute/weight_cache.h"

#include <utility>

namespace relievo {

WeightCache::Loading WeightCache::ensure(size_t worker, size_t stage, const StageLoad& wanted) {
  const std::lock_guard one_at_a_time(loading_[worker * stages_.size() + stage]);
  std::optional<StageLoad> had;
  {
    const std::lock_guard lock(mutex_);
    had = loaded_[worker][stage];
  }
  // Chunks and tiles use the weights of the full mode; another precision and streaming do not.
  const bool fits = had && had->mode.precision == wanted.mode.precision &&
                    had->mode.streamed == wanted.mode.streamed && had->first_block == wanted.first_block &&
                    had->last_block == wanted.last_block;
  if (fits) return Loading::kNone;
  if (had) unload(worker, stage);
  StageLoad noted = wanted;  // made before loading, so that nothing can fail between loading and recording it
  stages_[stage]->load(wanted);
  try {
    // The device may still be at it, and others who find the weights here use other streams.
    if (hooks_.finish) hooks_.finish(wanted.worker);
  } catch (...) {
    stages_[stage]->unload(wanted.worker);
    throw;
  }
  const std::lock_guard lock(mutex_);
  loaded_[worker][stage] = std::move(noted);
  const bool is_first = !has_read_[stage];
  has_read_[stage] = true;
  return is_first ? Loading::kFirst : Loading::kAgain;
}

bool WeightCache::holds(size_t worker, size_t stage) const {
  const std::lock_guard lock(mutex_);
  return loaded_[worker][stage].has_value();
}

bool WeightCache::has_read(size_t stage) const {
  const std::lock_guard lock(mutex_);
  return has_read_[stage];
}

void WeightCache::unload(size_t worker, size_t stage) {
  std::optional<StageLoad> had;
  {
    const std::lock_guard lock(mutex_);
    had.swap(loaded_[worker][stage]);
  }
  if (had) stages_[stage]->unload(had->worker);
}

void WeightCache::unload_others(size_t worker, size_t kept) {
  for (size_t stage = 0; stage < stages_.size(); ++stage) {
    if (stage != kept) unload(worker, stage);
  }
}

std::future<void> WeightCache::start_beside(size_t worker, const Worker& as, std::function<void()> task) {
  auto& thread = copy_threads_[worker];
  if (!thread) {
    Worker copying = as;  // charged to the same account
    copying.threads = 1;
    auto made = std::make_unique<WorkerThread>(std::move(copying), hooks_);
    made->entered();
    thread = std::move(made);
  }
  return thread->start([this, task = std::move(task), &copying = thread->worker()] {
    task();
    if (hooks_.finish) hooks_.finish(copying);
  });
}

int WeightCache::count() const {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& worker : loaded_) {
    for (const auto& stage : worker) count += stage.has_value() ? 1 : 0;
  }
  return count;
}

void Prefetch::start(size_t worker, size_t stage, const StageLoad& wanted) noexcept {
  if (started_) return;
  started_ = true;
  worker_ = worker;
  stage_ = stage;
  try {
    arrival_ = cache_.start_beside(worker, wanted.worker,
                                   [this, worker, stage, wanted] { cache_.ensure(worker, stage, wanted); });
  } catch (...) {  // there is no memory for a thread or a task
  }
}

bool Prefetch::take_back() noexcept {
  if (!started_ || taken_back_) return false;
  wait();
  cache_.unload(worker_, stage_);
  return taken_back_ = true;
}

void Prefetch::wait() noexcept {
  if (!arrival_.valid()) return;
  try {
    arrival_.get();
  } catch (...) {  // the error comes again when the stage's turn comes
  }
}

}  // namespace relievo

#include "engine/previewer.h"

#include <limits>
#include <utility>

#include <ATen/Parallel.h>

#include "base/parallel.h"
#include "engine/stages.h"

namespace relievo {

Previewer::Previewer(Options options) : options_(std::move(options)), thread_([this] { work(); }) {}

Previewer::~Previewer() { close(); }

void Previewer::close() {
  const std::lock_guard one_at_a_time(closing_);
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    if (running_) Job(running_).cancel();
    for (const StatePointer& job : waiting_) Job(job).cancel();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Previewer::submit(StatePointer job) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closing_) throw engine_is_closed();
    waiting_.push_back(std::move(job));
  }
  wake_.notify_all();
}

std::vector<StatePointer> Previewer::jobs() const {
  const std::lock_guard lock(mutex_);
  std::vector<StatePointer> all;
  if (running_) all.push_back(running_);
  all.insert(all.end(), waiting_.begin(), waiting_.end());
  return all;
}

StatePointer Previewer::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

void Previewer::drop_model() {
  {
    const std::lock_guard lock(mutex_);
    drops_model_ = holds_model_ || running_;
  }
  wake_.notify_all();
}

bool Previewer::holds_model() const {
  const std::lock_guard lock(mutex_);
  return holds_model_;
}

void Previewer::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return is_closing_ || !waiting_.empty() || (drops_model_ && stage_); });
    if (is_closing_) return;
    if (drops_model_) {
      stage_.reset();
      give_memory_back();
      drops_model_ = holds_model_ = false;
      continue;
    }
    running_ = std::move(waiting_.front());
    waiting_.pop_front();
    const StatePointer job = running_;
    lock.unlock();
    if (job->begin()) {
      try {
        make(job);
      } catch (...) {
        end_with_current_error(*job);
      }
    }
    lock.lock();
    running_.reset();
    holds_model_ = stage_ != nullptr;
    lock.unlock();
    if (options_.after) options_.after();
    lock.lock();
  }
}

void Previewer::make(const StatePointer& job) {
  if (options_.before) options_.before();
  Worker cpu;
  cpu.name = "cpu";
  cpu.threads = options_.threads > 0 ? options_.threads : at::get_num_threads();
  cpu.budget_bytes = std::numeric_limits<int64_t>::max();
  at::set_num_threads(cpu.threads);
  set_parallel_threads(cpu.threads);
  if (!stage_) {
    auto stage = std::make_unique<ForegroundStage>(options_.models);
    stage->load({cpu, {}, 0, 0});
    stage_ = std::move(stage);
  }
  StageCall call;
  call.workers = {cpu};
  PictureWork work;
  work.job = context_of(job);
  const std::any input = std::move(work);
  const std::vector<std::any> made = stage_->run(call, {&input, 1});
  const auto& after = std::any_cast<const PictureWork&>(made.front());
  if (after.error) return end_with(*job, *after.error);
  forget_pictures(*job);
  job->finish(nullptr);
}

}  // namespace relievo

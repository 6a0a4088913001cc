#include "runtime/execute/device_thread.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/log.h"
#include "base/parallel.h"

namespace relievo {

WorkerThread::WorkerThread(Worker worker, const WorkerHooks& hooks) : worker_(std::move(worker)) {
  const auto enter = hooks.enter;
  thread_ = std::thread([this, enter] {
    std::exception_ptr hindrance;
    try {
      set_parallel_threads(worker_.threads);
      if (enter) enter(worker_);
    } catch (...) {
      hindrance = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      hindrance_ = hindrance;
      entered_ = true;
    }
    changed_.notify_all();
    while (true) {
      std::packaged_task<void()> task;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  });
}

WorkerThread::~WorkerThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WorkerThread::entered() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return entered_; });
  if (hindrance_) std::rethrow_exception(hindrance_);
}

std::future<void> WorkerThread::start(std::function<void()> task) {
  std::packaged_task<void()> packaged(std::move(task));
  auto done = packaged.get_future();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(packaged));
  }
  changed_.notify_all();
  return done;
}

void WorkerThread::run(std::function<void()> task) {
  if (is_current()) return task();
  start(std::move(task)).get();
}

WorkerThreads::WorkerThreads(std::vector<Worker> workers, const WorkerHooks& hooks)
    : hooks_(hooks), sides_(workers.size()) {
  std::optional<Error> want_of_memory;
  for (Worker& worker : workers) {
    threads_.push_back(std::make_unique<WorkerThread>(std::move(worker), hooks));
    try {
      threads_.back()->entered();
    } catch (...) {
      const Error error = error_now(hooks);
      if (error.code() == ErrorCode::kOutOfMemory) want_of_memory = error;
      lose(int(threads_.size()) - 1, error.message());
    }
  }
  // Others go on without it; where there are none, memory may be there at the next try.
  if (want_of_memory && lost_.size() == threads_.size()) throw *want_of_memory;
}

WorkerThread& WorkerThreads::side(int worker, int k) {
  auto& sides = sides_[size_t(worker)];
  while (int(sides.size()) <= k) {
    Worker one = this->worker(worker);
    one.threads = 1;
    auto made = std::make_unique<WorkerThread>(std::move(one), hooks_);
    made->entered();
    sides.push_back(std::move(made));
  }
  return *sides[size_t(k)];
}

void WorkerThreads::lose(int worker, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!lost_.emplace(worker, why).second) return;
  log(LogLevel::kWarning, fmt::format("{} is lost: {}", threads_[size_t(worker)]->worker().name, why));
}

std::map<int, std::string> WorkerThreads::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

bool WorkerThreads::any_lost(const std::vector<int>& workers) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(workers, [&](int worker) { return lost_.contains(worker); });
}

}  // namespace relievo

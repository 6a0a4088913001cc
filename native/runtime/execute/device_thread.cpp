#include "runtime/execute/device_thread.h"

#include "base/parallel.h"

namespace relievo {

SlotThread::SlotThread(Slot slot, const SlotHooks& hooks) : slot_(std::move(slot)) {
  const auto enter = hooks.enter;
  thread_ = std::thread([this, enter] {
    std::exception_ptr hindrance;
    try {
      set_parallel_threads(slot_.threads);
      if (enter) enter(slot_);
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

SlotThread::~SlotThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SlotThread::entered() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return entered_; });
  if (hindrance_) std::rethrow_exception(hindrance_);
}

std::future<void> SlotThread::start(std::function<void()> task) {
  std::packaged_task<void()> packaged(std::move(task));
  auto done = packaged.get_future();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(packaged));
  }
  changed_.notify_all();
  return done;
}

void SlotThread::run(std::function<void()> task) {
  if (is_current()) return task();
  start(std::move(task)).get();
}

}  // namespace relievo

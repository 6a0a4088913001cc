// The threads of workers. Everything that a worker computes runs on its own thread, so that its share of
// processor threads and its budget are its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/machine/device_hooks.h"

namespace relievo {

class WorkerThread {
 public:
  WorkerThread(Worker worker, const WorkerHooks& hooks);
  ~WorkerThread();
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  const Worker& worker() const { return worker_; }

  /// Waits until the thread has entered its worker, and throws the `enter` hook's exception if there was one.
  /// Tasks run in any case.
  void entered();

  /// Runs `task` on the thread, after the tasks before it.
  std::future<void> start(std::function<void()> task);

  bool is_current() const { return std::this_thread::get_id() == thread_.get_id(); }

  /// Runs `task` on the thread and waits; runs it at once when called from that thread.
  void run(std::function<void()> task);

 private:
  Worker worker_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<void()>> tasks_;
  bool entered_ = false;
  std::exception_ptr hindrance_;
  bool stopping_ = false;
  std::thread thread_;
};

/// The threads of an executor's workers, by index, and which workers are lost. Any thread may call it.
class WorkerThreads {
 public:
  /// A worker that cannot be entered is lost from the beginning. Throws Error{kOutOfMemory} where none can be
  /// entered and memory was wanting.
  WorkerThreads(std::vector<Worker> workers, const WorkerHooks& hooks);

  size_t size() const { return threads_.size(); }
  /// The worker's k-th side thread, which has one thread of the processor and the worker's account, and on a
  /// GPU a stream of its own. It is made when it is first wanted. Throws where it cannot be entered. One
  /// thread at a time may call it.
  WorkerThread& side(int worker, int k);
  WorkerThread& operator[](int worker) const { return *threads_[size_t(worker)]; }
  const Worker& worker(int worker) const { return threads_[size_t(worker)]->worker(); }

  void lose(int worker, const std::string& why);
  std::map<int, std::string> lost() const;  ///< the lost workers, and why
  bool any_lost(const std::vector<int>& workers) const;

 private:
  WorkerHooks hooks_;
  std::vector<std::unique_ptr<WorkerThread>> threads_;
  std::vector<std::vector<std::unique_ptr<WorkerThread>>> sides_;  // by worker
  mutable std::mutex mutex_;
  std::map<int, std::string> lost_;
};

}  // namespace relievo

// Makes foregrounds alone, for a preview of the mask, at once and whatever else runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/job_run.h"

namespace relievo {

class ForegroundStage;

/// Owns a thread, which has a model of its own on the CPU once it has made one.
class Previewer {
 public:
  struct Options {
    std::filesystem::path models;
    int threads = 0;  ///< 0 uses all
    /// Called before each job, on its thread.
    std::function<void()> before = {};
    std::function<void()> after = {};
  };

  explicit Previewer(Options options);
  ~Previewer();  ///< calls close()
  Previewer(const Previewer&) = delete;
  Previewer& operator=(const Previewer&) = delete;

  /// Cancels the jobs that run and wait.
  void close();

  void submit(StatePointer job);  ///< throws Error{kInvalidSettings} after close()
  /// The jobs that run, then those that wait, in order.
  std::vector<StatePointer> jobs() const;
  StatePointer running() const;  ///< the job that runs, or null
  void drop_model();             ///< drops the model after the job that runs
  bool holds_model() const;

 private:
  void work();
  void make(const StatePointer& job);

  const Options options_;
  std::unique_ptr<ForegroundStage> stage_;  // used by the thread only
  std::mutex closing_;                      // taken by close()
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // These are guarded by mutex_.
  std::deque<StatePointer> waiting_;
  StatePointer running_;
  bool holds_model_ = false;
  bool drops_model_ = false;
  bool is_closing_ = false;
  std::thread thread_;  // last, because it uses the others
};

}  // namespace relievo

// Foregrounds alone, for a preview of the mask: made at once, whatever else runs.
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

/// A thread of its own, with a model of its own once it has made one, on the CPU.
class Previewer {
 public:
  struct Options {
    std::filesystem::path models;
    int threads = 0;                    ///< 0: all
    std::function<void()> before = {};  ///< each job, on its thread
    std::function<void()> after = {};
  };

  explicit Previewer(Options options);
  ~Previewer();  ///< close()
  Previewer(const Previewer&) = delete;
  Previewer& operator=(const Previewer&) = delete;

  /// Cancels what runs and waits.
  void close();

  void submit(StatePointer job);           ///< throws Error{kInvalidSettings} after close()
  std::vector<StatePointer> jobs() const;  ///< what runs, then what waits, in order
  StatePointer running() const;            ///< or null
  void drop_model();                       ///< after the job that runs
  bool holds_model() const;

 private:
  void work();
  void make(const StatePointer& job);

  const Options options_;
  std::unique_ptr<ForegroundStage> stage_;  // the thread's
  std::mutex closing_;                      // for close()
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_:
  std::deque<StatePointer> waiting_;
  StatePointer running_;
  bool holds_model_ = false;
  bool drops_model_ = false;
  bool is_closing_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace relievo

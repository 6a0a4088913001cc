// What a Job handle and the engine's worker share.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/control.h"
#include "engine/engine.h"

namespace relievo {

struct Job::State {
  const GenerateRequest request;
  const CancelToken cancel;

  std::mutex mutex;
  std::condition_variable ended;
  // Guarded by `mutex`:
  JobStatus status;
  std::chrono::steady_clock::time_point begun;
  std::optional<Error> error;
  std::shared_ptr<const GenerateResult> result;

  explicit State(GenerateRequest request_) : request(std::move(request_)) {}

  bool begin();  ///< waiting -> running; false when it was cancelled before
  void enter(const std::string& stage);
  void report(double fraction);
  void finish(GenerateResult finished);
  void fail(Error reason);  ///< cancelled when that is the reason, else failed

 private:
  void end(JobState state);  ///< under the lock
};

}  // namespace relievo

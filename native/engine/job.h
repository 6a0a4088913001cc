// The state that a Job handle and the engine's scheduler share.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/control.h"
#include "base/system_error.h"
#include "engine/engine.h"
#include "files/pictures.h"

namespace relievo {

struct Job::State {
  const uint64_t number;
  const std::string name;
  /// Belongs to the scheduler; its pictures are freed when it has run.
  GenerateRequest request;
  const CancelToken cancel;
  std::optional<DecodingCost> decoding;  ///< the scheduler's
  /// The error is made beforehand, because there may be no memory to make it later.
  Error no_memory = out_of_memory();

  std::mutex mutex;
  std::condition_variable ended;
  // These are guarded by `mutex`.
  JobStatus status;
  std::chrono::steady_clock::time_point begun;
  std::optional<Error> error;
  std::shared_ptr<const GenerateResult> result;
  std::vector<LogLine> lines;
  std::vector<std::shared_ptr<const Preview>> previews;
  std::vector<std::string> notes;

  explicit State(GenerateRequest request_);

  /// Goes from waiting to running; returns false when the job was cancelled before.
  bool begin();
  void enter(const std::string& stage);
  void report(double fraction);
  void log(std::string line);
  void show(Preview preview);  ///< replaces an older preview of the same name
  void finish(std::shared_ptr<const GenerateResult> finished);
  /// Ends the job as cancelled when that is the reason, else as failed.
  void fail(Error reason);
  void fail_for_want_of_memory() noexcept;

 private:
  void end(JobState state);  ///< is called with the lock held
};

}  // namespace relievo

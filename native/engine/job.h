// What a Job handle and the engine's scheduler share.
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
  GenerateRequest request;  ///< the scheduler's; its pictures are gone once it has run
  const CancelToken cancel;
  std::optional<DecodingCost> decoding;  ///< the scheduler's
  /// Made beforehand, for when there is no memory to make another.
  Error no_memory = out_of_memory();

  std::mutex mutex;
  std::condition_variable ended;
  // Guarded by `mutex`:
  JobStatus status;
  std::chrono::steady_clock::time_point begun;
  std::optional<Error> error;
  std::shared_ptr<const GenerateResult> result;
  std::vector<LogLine> lines;
  std::vector<std::shared_ptr<const Preview>> previews;

  explicit State(GenerateRequest request_);

  bool begin();  ///< waiting -> running; false when it was cancelled before
  void enter(const std::string& stage);
  void report(double fraction);
  void log(std::string line);
  void show(Preview preview);  ///< replaces an older one of its name
  void finish(std::shared_ptr<const GenerateResult> finished);
  void fail(Error reason);  ///< cancelled when that is the reason, else failed
  void fail_for_want_of_memory() noexcept;

 private:
  void end(JobState state);  ///< under the lock
};

}  // namespace relievo

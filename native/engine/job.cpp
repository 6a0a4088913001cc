#include "engine/job.h"

namespace relievo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool has_ended(JobState state) { return state != JobState::kWaiting && state != JobState::kRunning; }

}  // namespace

const char* state_name(JobState state) {
  switch (state) {
    case JobState::kWaiting:
      return "waiting";
    case JobState::kRunning:
      return "running";
    case JobState::kDone:
      return "done";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

bool Job::State::begin() {
  const std::lock_guard lock(mutex);
  if (status.state != JobState::kWaiting) return false;
  status.state = JobState::kRunning;
  begun = Clock::now();
  return true;
}

void Job::State::enter(const std::string& stage) {
  const std::lock_guard lock(mutex);
  status.stage = stage;
}

void Job::State::report(double fraction) {
  const std::lock_guard lock(mutex);
  status.fraction = fraction;
}

void Job::State::end(JobState state) {
  if (status.state == JobState::kRunning) status.seconds = seconds_since(begun);
  status.state = state;
  status.stage.clear();
  status.seconds_left = 0;
  ended.notify_all();
}

void Job::State::finish(GenerateResult finished) {
  const std::lock_guard lock(mutex);
  result = std::make_shared<const GenerateResult>(std::move(finished));
  status.fraction = 1;
  end(JobState::kDone);
}

void Job::State::fail(Error reason) {
  const std::lock_guard lock(mutex);
  const bool is_cancelled = reason.code() == ErrorCode::kCancelled;
  error = std::move(reason);
  end(is_cancelled ? JobState::kCancelled : JobState::kFailed);
}

JobStatus Job::status() const {
  const std::lock_guard lock(state_->mutex);
  JobStatus status = state_->status;
  if (status.state != JobState::kRunning) return status;
  status.seconds = seconds_since(state_->begun);
  // Before this much is done, an estimate would only be noise.
  constexpr double kTelling = 0.05;
  if (status.fraction >= kTelling)
    status.seconds_left = status.seconds * (1 - status.fraction) / status.fraction;
  return status;
}

void Job::cancel() const {
  state_->cancel.cancel();
  // A job that still waits ends here; a running one at its next step.
  if (state_->begin()) state_->fail(Error(ErrorCode::kCancelled, "Cancelled."));
}

bool Job::wait(double seconds) const {
  std::unique_lock lock(state_->mutex);
  const auto is_over = [&] { return has_ended(state_->status.state); };
  if (seconds >= 0) return state_->ended.wait_for(lock, std::chrono::duration<double>(seconds), is_over);
  state_->ended.wait(lock, is_over);
  return true;
}

std::optional<Error> Job::error() const {
  const std::lock_guard lock(state_->mutex);
  return state_->error;
}

std::shared_ptr<const GenerateResult> Job::result() const {
  const std::lock_guard lock(state_->mutex);
  return state_->result;
}

}  // namespace relievo

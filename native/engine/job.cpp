#include "engine/job.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/clock.h"
#include "base/fork.h"

namespace relievo {
namespace {

uint64_t next_number() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
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

Job::State::State(GenerateRequest request_)
    : number(next_number()),
      name(request_.name.empty() ? request_.picture.stem().string() : request_.name),
      request(std::move(request_)) {}

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
  status.fraction = std::max(status.fraction, fraction);
}

void Job::State::log(std::string line) {
  const std::lock_guard lock(mutex);
  constexpr size_t kMostLines = 1000;
  if (lines.size() < kMostLines) lines.push_back({seconds_since(begun), std::move(line)});
}

void Job::State::show(Preview preview) {
  auto shared = std::make_shared<const Preview>(std::move(preview));
  const std::lock_guard lock(mutex);
  std::erase_if(previews, [&](const auto& other) { return other->name == shared->name; });
  previews.push_back(std::move(shared));
}

void Job::State::end(JobState state) {
  if (status.state == JobState::kRunning) status.seconds = seconds_since(begun);
  status.state = state;
  status.stage.clear();
  status.seconds_left = 0;
  ended.notify_all();
}

void Job::State::finish(std::shared_ptr<const GenerateResult> finished) {
  const std::lock_guard lock(mutex);
  result = std::move(finished);
  status.fraction = 1;
  end(JobState::kDone);
}

void Job::State::fail(Error reason) {
  const std::lock_guard lock(mutex);
  const bool is_cancelled = reason.code() == ErrorCode::kCancelled;
  error = std::move(reason);
  end(is_cancelled ? JobState::kCancelled : JobState::kFailed);
}

void Job::State::fail_for_want_of_memory() noexcept {
  const std::lock_guard lock(mutex);
  error = std::move(no_memory);
  end(JobState::kFailed);
}

Job::State& Job::state() const {
  require_threads("This job's engine");  // a lock that was held at the fork is released in the parent only
  return *state_;
}

uint64_t Job::number() const { return state_->number; }
const std::string& Job::name() const { return state_->name; }

std::vector<LogLine> Job::log() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  return state.lines;
}

std::vector<std::string> Job::notes() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  return state.notes;
}

std::vector<std::shared_ptr<const Preview>> Job::previews() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  return state.previews;
}

JobStatus Job::status() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  JobStatus status = state.status;
  if (status.state != JobState::kRunning) return status;
  status.seconds = seconds_since(state.begun);
  // An estimate that is made before this much is done would only be noise.
  constexpr double kTelling = 0.05;
  if (status.fraction >= kTelling)
    status.seconds_left = status.seconds * (1 - status.fraction) / status.fraction;
  return status;
}

void Job::cancel() const {
  State& state = this->state();
  state.cancel.cancel();
  // A job that still waits ends here; a running one ends at its next step.
  if (state.begin()) state.fail(Error(ErrorCode::kCancelled, "Cancelled."));
}

bool Job::wait(double seconds) const {
  State& state = this->state();
  std::unique_lock lock(state.mutex);
  const auto is_over = [&] { return has_ended(state.status.state); };
  if (seconds >= 0 && seconds < kNever)
    return state.ended.wait_for(lock, std::chrono::duration<double>(seconds), is_over);
  state.ended.wait(lock, is_over);
  return true;
}

std::optional<Error> Job::error() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  return state.error;
}

std::shared_ptr<const GenerateResult> Job::result() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  return state.result;
}

std::shared_ptr<const GenerateResult> Job::take() const {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  return std::exchange(state.result, nullptr);
}

}  // namespace relievo

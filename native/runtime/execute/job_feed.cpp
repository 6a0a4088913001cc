#include "runtime/execute/job_feed.h"

#include <algorithm>
#include <iterator>

namespace relievo {

std::vector<RunJob> JobFeed::take(int most) {
  std::vector<RunJob> jobs;
  if (has_ended()) return jobs;
  jobs.reserve(size_t(most));
  auto end = given_back_.begin();
  while (end != given_back_.end() && end - given_back_.begin() < most &&
         end->report.stages_done == given_back_.front().report.stages_done)
    ++end;
  std::move(given_back_.begin(), end, std::back_inserter(jobs));
  given_back_.erase(given_back_.begin(), end);
  const int missing = most - int(jobs.size());
  const bool are_begun = !jobs.empty() && jobs.front().report.stages_done > 0;
  if (missing > 0 && !are_begun && given_back_.empty()) {
    std::vector<RunJob> fresh;
    try {
      fresh = source_.next(missing);
      jobs.reserve(jobs.size() + fresh.size());
    } catch (...) {
      has_ended_ = true;
      notify();
      throw;
    }
    std::ranges::move(fresh, std::back_inserter(jobs));
  }
  working_ += int(jobs.size());
  has_begun_ = has_begun_ || !jobs.empty();
  if (jobs.empty() && working_ == 0) {
    has_ended_ = true;
    notify();
  }
  return jobs;
}

void JobFeed::give_back(std::vector<RunJob> jobs) {
  const std::lock_guard lock(source_.mutex_);
  working_ -= int(jobs.size());
  given_back_.insert(given_back_.begin(), std::make_move_iterator(jobs.begin()),
                     std::make_move_iterator(jobs.end()));
  notify();
}

void JobFeed::finish(uint64_t number, Outcome outcome) {
  const std::lock_guard delivery(delivery_);
  {
    const std::lock_guard lock(source_.mutex_);
    --working_;
    notify();
  }
  source_.done(number, std::move(outcome));
}

void JobFeed::fail_given_back(const Error& error) {
  std::vector<RunJob> jobs;
  {
    const std::lock_guard lock(source_.mutex_);
    jobs.swap(given_back_);
    working_ += int(jobs.size());
  }
  for (const RunJob& job : jobs) {
    Outcome outcome;
    outcome.error = error;
    finish(job.number, std::move(outcome));
  }
}

void JobFeed::stop() {
  const std::lock_guard lock(source_.mutex_);
  has_ended_ = true;
  notify();
}

void JobFeed::begin_again() {
  const std::lock_guard lock(source_.mutex_);
  has_ended_ = false;
}

bool JobFeed::has_begun() const {
  const std::lock_guard lock(source_.mutex_);
  return has_begun_;
}

int JobFeed::given_back() const {
  const std::lock_guard lock(source_.mutex_);
  return int(given_back_.size());
}

}  // namespace relievo

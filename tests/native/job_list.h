// A source of jobs that a test knows beforehand.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/execute/job_source.h"

namespace relievo {

class JobList : public JobSource {
 public:
  explicit JobList(std::vector<std::any> inputs) : inputs_(std::move(inputs)), outcomes_(inputs_.size()) {}

  std::function<void(int job, const Outcome& outcome)> on_done;

  std::vector<RunJob> next(int most) override {
    std::vector<RunJob> jobs;
    for (; given_ < inputs_.size() && int(jobs.size()) < most; ++given_) {
      jobs.push_back({given_, inputs_[given_]});
    }
    return jobs;
  }
  void done(uint64_t number, Outcome outcome) override {
    EXPECT_FALSE(outcomes_.at(number)) << "job " << number << " was delivered twice";
    if (on_done) on_done(int(number), outcome);
    outcomes_[number] = std::move(outcome);
  }

  /// Ends those that were never asked for, as an engine does when nothing can be made any more.
  void fail_left(const Error& error) {
    for (const RunJob& job : next(left())) done(job.number, {.error = error});
  }

  /// Jobs that were never asked for: the last ones.
  int left() const { return int(inputs_.size() - given_); }
  /// The jobs that were asked for, in order.
  std::vector<Outcome> outcomes() const {
    std::vector<Outcome> all;
    for (size_t i = 0; i < given_; ++i) {
      EXPECT_TRUE(outcomes_[i]) << "job " << i << " was not delivered";
      all.push_back(outcomes_[i].value_or(Outcome()));
    }
    return all;
  }

 private:
  std::vector<std::any> inputs_;
  std::vector<std::optional<Outcome>> outcomes_;
  size_t given_ = 0;
};

}  // namespace relievo

// A fixed number of inputs as a source of jobs.
#pragma once

#include <vector>

#include "runtime/execute/job_source.h"

namespace relievo {

class JobList : public JobSource {
 public:
  explicit JobList(std::vector<std::any> inputs) : inputs_(std::move(inputs)), outcomes(inputs_.size()) {}

  std::vector<RunJob> next(int most) override {
    std::vector<RunJob> jobs;
    while (given_ < inputs_.size() && jobs.size() < static_cast<size_t>(most)) {
      jobs.push_back({given_, inputs_[given_]});
      ++given_;
    }
    return jobs;
  }
  void done(uint64_t number, Outcome outcome) override { outcomes.at(number) = std::move(outcome); }

 private:
  std::vector<std::any> inputs_;
  size_t given_ = 0;

 public:
  std::vector<Outcome> outcomes;  ///< by input
};

}  // namespace relievo

// What the groups of one run share of its source: jobs that a lost group had begun come before new ones.
#pragma once

#include <mutex>
#include <vector>

#include "base/control.h"
#include "runtime/execute/job_source.h"

namespace relievo {

/// Any thread may call it.
class JobFeed {
 public:
  JobFeed(JobSource& source, CancelToken cancel) : source_(source), cancel_(std::move(cancel)) {}

  /// At most so many jobs. Waits while there are none but others are at work, which may come back. Empty:
  /// nothing will come any more, or the run is cancelled.
  std::vector<RunJob> next(int most);

  /// Jobs that a lost group had begun.
  void give_back(std::vector<RunJob> jobs);

  void finish(uint64_t number, Outcome outcome);

  /// All that were given back fail.
  void fail_given_back(const Error& error);

  /// Nobody gets a job any more.
  void stop();

  bool has_begun() const;  ///< whether any job was ever taken
  int given_back() const;  ///< how many jobs wait to be made again

 private:
  JobSource& source_;
  const CancelToken cancel_;
  std::mutex delivery_;
  // Guarded by source_.mutex_:
  std::vector<RunJob> given_back_;
  int working_ = 0;
  bool has_begun_ = false, stopped_ = false;
};

}  // namespace relievo

// The source of a run as its groups share it: jobs that another group had begun come before new ones.
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

  /// Returns up to `most` jobs, which have as many stages behind them. Waits while there are none but others
  /// are at work, whose jobs may come back. The result is empty when no more will come, or when the run is
  /// cancelled.
  std::vector<RunJob> next(int most);

  /// Takes back jobs that a group had begun and cannot finish.
  void give_back(std::vector<RunJob> jobs);

  void finish(uint64_t number, Outcome outcome);

  /// Fails all jobs that were given back.
  void fail_given_back(const Error& error);

  /// From now on nobody gets a job.
  void stop();
  /// The same until go_on().
  void halt();
  void go_on();

  bool has_begun() const;  ///< whether any job was ever taken
  int given_back() const;  ///< how many jobs wait to be made again

 private:
  JobSource& source_;
  const CancelToken cancel_;
  std::mutex delivery_;
  // These are guarded by source_.mutex_.
  std::vector<RunJob> given_back_;
  int working_ = 0;
  bool has_begun_ = false, stopped_ = false, halted_ = false;
};

}  // namespace relievo

// One device group of a plan at work: its threads take jobs from the run's feed, run their stages on them,
// and deliver the results.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <vector>

#include "runtime/execute/channel.h"
#include "runtime/execute/run.h"

namespace relievo {

class GroupRun {
 public:
  GroupRun(Run& run, const DeviceGroup& group);

  /// Starts the work on the threads of its workers; the object must live until that has ended.
  void start(std::vector<std::future<void>>& running);

 private:
  using Placements = std::vector<const StagePlacement*>;
  enum class Ended { kWell, kLost, kCancelled, kNoRoom };

  void unload_what_is_not_placed();
  double expected_load_seconds() const;
  void work(int part);
  /// Runs the stages on a batch. When it returns, every job of the batch is in `done`, has failed, or was
  /// given back.
  Ended attempt(const Placements& placements, JobBatch batch, std::vector<JobBatch>& done);
  /// Is called after a batch failed for a reason of its own: run alone, each job gets its own error or its
  /// own result.
  Ended attempt_one_by_one(const Placements& placements, const JobBatch& batch, std::vector<JobBatch>& done);
  void run_stages(const Placements& placements, JobBatch& batch);
  void deliver(JobBatch& batch);
  void fail_with_current_error(const RunJob& job, const JobBatch& batch);
  void break_off();

  Run& run_;
  const DeviceGroup& group_;
  /// A pipeline has a part on each worker; any other group has one part, on its first worker.
  std::deque<Channel<JobBatch>> channels_;
  std::atomic<bool> broken_ = false;
  double expected_load_s_ = 0;  // for the first batch; only the first part's thread uses it
};

}  // namespace relievo

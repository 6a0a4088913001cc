// One device group of a plan at work. Its threads take turns at its stations: pictures come from the run's
// feed, pass from station to station and are delivered.
//
// A batch or two wait between two stations (pictures_to_begin), so that a slow one holds up those before it.
// A free thread takes what is nearest to its end: the last of its stations that has pictures before it and
// room behind it.
// Room is kept for what is at work, so that nobody ever waits with a result in its hands. No group takes a
// further job while another has none.
#pragma once

#include <future>
#include <optional>
#include <vector>

#include "runtime/execute/run.h"

namespace relievo {

class GroupRun {
 public:
  GroupRun(Run& run, const DeviceGroup& group);
  ~GroupRun();
  GroupRun(const GroupRun&) = delete;
  GroupRun& operator=(const GroupRun&) = delete;

  /// Starts the work on the threads of its workers; the object must live until that has ended. Adds at most
  /// threads() to `running`.
  void start(std::vector<std::future<void>>& running);
  size_t threads() const { return group_.workers.size() + size_t(group_.side_threads); }

 private:
  enum class Ended { kWell, kLost, kNoRoom, kCancelled };

  /// A thread of the group: a worker's own, or one beside it.
  struct Thread {
    int worker = 0;
    bool is_side = false;
  };

  /// What is before a station.
  struct Queue {
    JobBatch waiting = {};
    size_t expected = 0;  // jobs at work in the station before it
  };

  struct Task {
    size_t station = 0;
    size_t count = 0;
    JobBatch batch = {};
  };

  const Station& station(size_t index) const { return group_.stations[index]; }
  bool serves(const Thread& thread, size_t station) const;
  void unload_what_is_not_placed();
  /// What is expected of loading a station's weights that are not there, besides what the plan counts for
  /// every batch.
  double expected_load_seconds(const Station& station) const;
  void work(const Thread& thread);

  // These are called with the feed's lock held.

  std::optional<Task> next_task(const Thread& thread);
  bool is_over(const Thread& thread) const;
  void count_if_idle();
  /// Hands on what is left of a task. Returns the jobs that nobody takes any more.
  std::vector<RunJob> hand_on(const Task& task, JobBatch done);
  /// Closes the stations before this one. Returns the jobs that wait there.
  std::vector<RunJob> close_before(size_t station);

  /// Runs a station's stages on a batch. Afterwards every job of the batch is in `done`, has failed, or was
  /// given back.
  Ended attempt(size_t station, JobBatch batch, JobBatch& done);
  /// Is called after a batch failed for a reason of its own: run alone, each job gets its own error or its
  /// own result.
  Ended attempt_one_by_one(size_t station, JobBatch batch, JobBatch& done);
  void run_stages(size_t station, JobBatch& batch);
  /// Closes the stations before this one, and gives back these jobs and what waits there. What is behind them
  /// goes on to its end.
  void withdraw(size_t station, std::vector<RunJob> begun);
  /// Withdraws from the stations that a lost worker has a part in.
  void lose(const WorkerLost& lost, std::vector<RunJob> begun);
  void deliver(JobBatch& batch);
  void fail_with_current_error(const RunJob& job, const JobReport& report);
  /// Closes all stations.
  void break_off();
  /// The first station after all that a worker has a part in.
  size_t behind(int worker) const;
  /// Sets the batch by the memory that is there now.
  void look_at_memory();

  Run& run_;
  const DeviceGroup& group_;
  // These are guarded by the feed's lock.
  std::vector<Queue> queues_;            // by station; of the first only `expected` counts
  std::vector<double> expected_load_s_;  // by station, until its first batch
  size_t open_from_ = 0;                 // the stations before are closed
  size_t inside_ = 0;                    // jobs that were taken and have not ended
  bool is_idle_ = false;                 // and counted as such by the feed
  size_t batch_ = 1;                     // what memory allows at the moment
};

}  // namespace relievo

// The source of a run as its groups share it: jobs that another group had begun come before new ones. Its
// lock and its bell are those of everything that the run's threads hand to each other.
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

  using Lock = std::unique_lock<std::mutex>;
  Lock lock() const { return Lock(source_.mutex_); }
  /// Waits until something may have changed: after notify() and all that is below, and JobSource::notify().
  void wait(Lock& lock) const { source_.changed_.wait(lock); }
  void notify() const { source_.changed_.notify_all(); }

  /// Returns up to `most` jobs, which have as many stages behind them; none when there are none now, or when
  /// no more will come. Is called with the lock held. Throws what the source throws; the run has then ended.
  std::vector<RunJob> take(int most);
  /// Counts groups that have no job and may take one: until they have, no other takes a further one. Is
  /// called with the lock held.
  void count_idle_groups(int more) {
    idle_groups_ += more;
    if (more < 0) notify();
  }
  bool has_idle_groups() const { return idle_groups_ > 0; }
  /// Whether no more will come, or the run is cancelled. Is called with the lock held.
  bool has_ended() const { return has_ended_ || cancel_.cancelled(); }

  // These take the lock themselves.

  /// Takes back jobs that a group had begun and cannot finish.
  void give_back(std::vector<RunJob> jobs);

  void finish(uint64_t number, Outcome outcome);

  /// Fails all jobs that were given back.
  void fail_given_back(const Error& error);

  /// Nobody gets a job until begin_again().
  void stop();

  bool has_begun() const;  ///< whether any job was ever taken
  int given_back() const;  ///< how many jobs wait to be made again

  /// Jobs may be taken again, by the groups of another plan.
  void begin_again();

 private:
  JobSource& source_;
  const CancelToken cancel_;
  std::mutex delivery_;
  // These are guarded by source_.mutex_.
  std::vector<RunJob> given_back_;
  int working_ = 0, idle_groups_ = 0;
  bool has_begun_ = false, has_ended_ = false;
};

}  // namespace relievo

// Jobs that pass a station together.
#pragma once

#include <any>
#include <string>
#include <vector>

#include "runtime/execute/job_source.h"

namespace relievo {

/// Jobs on their way through a group. Those that pass a stage together have as many stages behind them.
struct JobBatch {
  std::vector<RunJob> jobs = {};
  /// The last stage's output for each job.
  std::vector<std::any> values = {};
  std::vector<JobReport> reports = {};  ///< of each job
  double waited_s = 0;  ///< the time that the thread waited for them; the next stage reports it

  void add(RunJob job, std::any value, JobReport report);
  void note(const std::string& text);
  /// The number of the first jobs, at most so many, that have as many stages behind them.
  size_t alike(size_t most) const;
  /// Takes these jobs out, in their order.
  JobBatch take(size_t count);
};

/// The jobs of a batch as others can go on with them.
std::vector<RunJob> as_begun(JobBatch batch);

}  // namespace relievo

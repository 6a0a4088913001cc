#include "runtime/execute/job_batch.h"

#include <algorithm>
#include <utility>

namespace relievo {

void JobBatch::add(RunJob job, std::any value, JobReport report) {
  jobs.push_back(std::move(job));
  values.push_back(std::move(value));
  reports.push_back(std::move(report));
}

void JobBatch::note(const std::string& text) {
  for (JobReport& report : reports) report.notes.push_back(text);
}

size_t JobBatch::alike(size_t most) const {
  size_t count = 0;
  while (count < std::min(most, reports.size()) && reports[count].stages_done == reports.front().stages_done)
    ++count;
  return count;
}

JobBatch JobBatch::take(size_t count) {
  JobBatch taken;
  for (size_t i = 0; i < count; ++i) {
    taken.add(std::move(jobs[i]), std::move(values[i]), std::move(reports[i]));
  }
  const auto drop = [count](auto& all) { all.erase(all.begin(), all.begin() + std::ptrdiff_t(count)); };
  drop(jobs);
  drop(values);
  drop(reports);
  return taken;
}

std::vector<RunJob> as_begun(JobBatch batch) {
  for (size_t i = 0; i < batch.jobs.size(); ++i) {
    batch.jobs[i].input = std::move(batch.values[i]);
    batch.jobs[i].report = std::move(batch.reports[i]);
  }
  return std::move(batch.jobs);
}

}  // namespace relievo

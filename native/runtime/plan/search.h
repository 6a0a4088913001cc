// The search for the plan that finishes first, or takes the least memory. plan.h puts it into words.
#pragma once

#include <optional>
#include <vector>

#include "runtime/plan/plan.h"
#include "runtime/plan/worker_runs.h"

namespace relievo {

struct PlanQuestion {
  PlanQuestion(const std::vector<Worker>& all, const std::vector<StageProfile>& stages_)
      : workers(all), stages(stages_), runs(all) {}

  const std::vector<Worker>& workers;
  const std::vector<StageProfile>& stages;
  const WorkerRuns runs;
};

/// The best plan that needs no more fallbacks than it must; nothing where nothing fits.
std::optional<Plan> search(const PlanQuestion& question, const PlanOptions& options);

/// The bytes that one device would need for these stages with all fallbacks that are allowed.
int64_t least_bytes(const std::vector<StageProfile>& stages, const PlanOptions& options);

}  // namespace relievo

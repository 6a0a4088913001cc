// Every way that neighbouring workers can form one device group. Used by the search only.
#pragma once

#include <span>

#include "runtime/plan/plan.h"

namespace relievo {

struct GroupQuestion {
  std::span<const Worker> workers;
  int first_worker = 0;  ///< index of workers[0] in the whole list
  const std::vector<StageProfile>& stages;
  const PlanOptions& options;
  Fallbacks fallbacks = {};  ///< that stages may take
  double budget_share = 1;   ///< of each worker's budget that may be used
};

/// All groups of exactly these workers that fit in their budgets. Whether one fits and how long it takes
/// never gets worse with more memory.
std::vector<DeviceGroup> possible_groups(const GroupQuestion& question);

}  // namespace relievo

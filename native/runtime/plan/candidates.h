// Finds every way in which neighbouring workers can form one device group. Only the search uses it.
#pragma once

#include <span>

#include "runtime/plan/plan.h"

namespace relievo {

struct GroupQuestion {
  std::span<const Worker> workers;
  /// Index of workers[0] in the whole list.
  int first_worker = 0;
  const std::vector<StageProfile>& stages;
  const PlanOptions& options;
  /// The fallbacks that stages may take.
  Fallbacks fallbacks = {};
  /// The share of each worker's budget that may be used.
  double budget_share = 1;
};

/// Returns all groups of exactly these workers that fit in their budgets. With more memory a group never
/// stops fitting and never takes longer.
std::vector<DeviceGroup> possible_groups(const GroupQuestion& question);

}  // namespace relievo

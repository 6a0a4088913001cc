// Every way that a group of neighbouring slots can form one lane. Used by the planner only.
#pragma once

#include <span>

#include "runtime/plan/plan.h"

namespace relievo {

struct LaneQuestion {
  std::span<const Slot> slots;
  int first_slot = 0;  ///< index of slots[0] in the whole list
  const std::vector<StageProfile>& stages;
  const PlanOptions& options;
  Fallbacks fallbacks = {};  ///< that stages may take
  double budget_share = 1;   ///< of each slot's budget that may be used
};

/// All lanes of exactly these slots that fit in their budgets. Whether one fits and how long it takes never
/// gets worse with more memory.
std::vector<Lane> possible_lanes(const LaneQuestion& question);

}  // namespace relievo

// What `relievo plan` prints: a plan, as it went in the simulation, and what it takes for granted.
#pragma once

#include <string>
#include <vector>

#include "runtime/plan/plan.h"
#include "runtime/plan/simulate.h"

namespace relievo {

struct PlannedRun {
  const std::vector<Worker>& workers;
  const std::vector<StageProfile>& stages;
  const Plan& plan;
  const SimulatedRun& simulated;
  int pictures = 1;
  std::string model;
  std::vector<std::string> alternatives = {};  ///< why nothing else is done
};

/// What the plan of a machine that is not there takes for granted, a sentence each; nothing for one that is
/// there.
std::vector<std::string> assumptions_of(const PlannedRun& report);

std::string plan_json(const PlannedRun& report);
void print_plan(const PlannedRun& report);

}  // namespace relievo

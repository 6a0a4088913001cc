// Simulates a machine that is not there while it works through a plan: discrete events, hand-over between
// stages, slow and lost devices.
#pragma once

#include "runtime/plan/plan.h"

namespace relievo {

struct Scenario {
  struct Straggler {
    int worker = 0;
    double slowdown = 2;  ///< counts from the start on
  };
  struct Loss {
    int worker = 0;
    double at_s = 0;
  };
  std::vector<Straggler> stragglers;
  std::vector<Loss> losses;
};

struct SimulatedRun {
  double seconds = 0;
  int done = 0;  ///< pictures, each counted once
  /// Pictures that a lost device had begun.
  int redone = 0;
  std::vector<double> utilisation;  ///< for each worker, 0..1
  std::vector<int64_t> peak_bytes;  ///< for each worker
  /// For each worker that finished them; a group counts at its last worker.
  std::vector<int> pictures;
};

/// Runs `pictures` through the groups of `plan`, as the executor does. A lost worker ends its group; its
/// unfinished pictures go back to the queue. When no group is left, the rest is planned again for the workers
/// that are left, as `options` ask. Fewer are done than asked for when that is not possible. The result is
/// deterministic.
SimulatedRun simulate(const Plan& plan, const std::vector<Worker>& workers,
                      const std::vector<StageProfile>& stages, int pictures, const Scenario& scenario = {},
                      const PlanOptions& options = {});

}  // namespace relievo

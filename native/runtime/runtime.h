// The runtime: every device of the machine busy, never out of memory, and able to say what it does.
//
//   find_machine()  (devices.h)     what is there, and whether its parts fit together
//   parse_slots()   (slots.h)       what work is given to: a GPU, a part of one, a share of the CPU
//   Stage           (stage.h)       what the engine adapts: profile, load, unload, run
//   fit_costs()     (stage_costs.h) bytes and seconds of a stage, learnt from samples
//   calibrate()     (calibrate.h)   measures those samples
//   plan()          (planner.h)     which slot does what; pure
//   simulate()      (simulate.h)    a plan on a machine that is not there
//   Executor        (executor.h)    carries a plan out
//
// No torch here. What has to know torch is in runtime/torch/: the counting allocator, slot hooks,
// collectives.
#pragma once

#include "runtime/calibrate.h"
#include "runtime/devices.h"
#include "runtime/executor.h"
#include "runtime/planner.h"
#include "runtime/simulate.h"
#include "runtime/slots.h"
#include "runtime/stage.h"
#include "runtime/stage_costs.h"

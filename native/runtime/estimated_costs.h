// What the published models' stages would cost, estimated from their sizes. For `relievo plan` where nothing
// was calibrated.
#pragma once

#include <vector>

#include "runtime/stage_costs.h"

namespace relievo {

/// The stages of Zero123++ and instant-mesh-large. Weights are the parameter counts times the bytes of the
/// precision; seconds are operations at 60 TFLOP/s in half precision (a slot of speed 1); workspace is the
/// activations that live at once. Estimates, good to a factor of two: calibration replaces them.
std::vector<StageProfile> estimated_stages(int diffusion_steps = 75);

}  // namespace relievo

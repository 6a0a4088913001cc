// Turns a flat drawing into a field: its outline as a plate with round edges.
#pragma once

#include <memory>

#include "base/image.h"
#include "nn/execution.h"
#include "nn/field.h"
#include "reconstruct/inflated_mask.h"

namespace relievo {

/// The half thickness of a plate of depth 1, in box units: the plate is a seventh as thick as its picture is
/// wide.
inline constexpr float kPlateHalf = 0.12f;

/// Makes a plate of the subject's outline on the CPU, whose thickness is `settings.depth` times that of
/// kPlateHalf, with a bevel that is a quarter circle of a third of the half thickness. Parts narrower than
/// their bevels are round and thinner. Colours are as in inflate(), whose errors this throws.
std::unique_ptr<Field> extrude(const Foreground& foreground, const InflationSettings& settings,
                               const Execution& execution, Image back = {});

}  // namespace relievo

// Cuts any surface into charts (by xatlas).
#pragma once

#include <vector>

#include "base/control.h"
#include "base/mesh.h"
#include "texture/chart.h"

namespace relievo {

/// Unwraps every face that has an area: charts grown and laid out by xatlas (least squares conformal maps,
/// Levy et al. 2002), not mirrored. Parts of the surface are unwrapped side by side on parallel_threads()
/// threads. Faces without an area are in no chart. Throws Error{kCancelled}.
std::vector<Chart> grow_charts(const Surface& surface, const Control& control);

}  // namespace relievo

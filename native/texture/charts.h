// Cuts a surface into charts: connected faces laid out flat.
#pragma once

#include <vector>

#include "base/control.h"
#include "base/mesh.h"
#include "texture/chart.h"

namespace relievo {

/// Unwraps every face that has an area, not mirrored. Regions that can be seen from one side are flattened
/// directly (regions.h, flatten.h); what does not lie flat that way is cut again (grown_charts.h). Charts are
/// made side by side on parallel_threads() threads. Faces without an area are in no chart. Throws
/// Error{kCancelled}.
std::vector<Chart> make_charts(const Surface& surface, const Control& control);

}  // namespace relievo

// Lets the outline of a coarse mask follow the edges of its picture.
#pragma once

#include "base/control.h"
#include "base/image.h"

namespace relievo {

/// Returns the mask as a locally linear function of the picture's colours within windows of 2 `reach` + 1
/// pixels a side, made steeper about the outline (He, Sun and Tang, "Guided Image Filtering", PAMI 2013, with
/// the colours as the guide). Mask and picture are of one size. Throws Error{kCancelled}.
Mask follow_edges(const Image& picture, const Mask& mask, int reach, const Control& control);

}  // namespace relievo

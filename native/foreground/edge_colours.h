// Removes the ground's colours from an outline.
#pragma once

#include "base/control.h"
#include "base/image.h"

namespace relievo {

/// Near an outline a pixel may show the ground through the subject: its lens was out of focus, or the mask is
/// wider than the subject. Within `reach` pixels of where the mask crosses 0.5, colours that lie between
/// those of the subject further inside and those of the ground further outside become the subject's; colours
/// that are neither stay. Each is compared with averages of its own surroundings. Only pixels in `crop` are
/// looked at.
void clear_edge_colours(Image& picture, const Mask& mask, const Crop& crop, double reach,
                        const Control& control);

}  // namespace relievo

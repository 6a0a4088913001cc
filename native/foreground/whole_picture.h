// A picture and its mask as a whole, for a person who paints on them.
#pragma once

#include "base/image.h"

namespace relievo {

/// The picture's colours, without its alpha, at `longest` pixels of its longer side at most.
Image whole_picture(const Image& picture, int longest);

/// The mask of a cut-out in a picture of `width` x `height` pixels, as RGB of the size that whole_picture()
/// has; black outside the crop.
Image whole_mask(const Foreground& cut, int width, int height, int longest);

}  // namespace relievo

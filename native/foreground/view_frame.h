// Frames pictures of one object alike, as a reconstruction model takes them.
#pragma once

#include "base/control.h"
#include "base/image.h"

namespace relievo {

/// Returns how far the subject reaches from the centre of its picture of `width` x `height` pixels, to the
/// side or up and down, as a share of half the picture's longer side: 1 where it touches the border there.
double subject_reach(const Foreground& cut, int width, int height);

/// Returns whether the subject reaches the picture's border, so that a part of it may be missing.
bool is_cut_off(const Foreground& cut, int width, int height);

/// Returns `[side, side, 3]`, sRGB-encoded, on white: of the square around the picture with the same centre,
/// the part that is `frame` times as large. Throws Error{kCancelled}.
Image framed_view(const Foreground& cut, int width, int height, double frame, int side,
                  const Control& control);

}  // namespace relievo

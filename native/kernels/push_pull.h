// Colours grown over what has none, by push-pull (Gortler, Grzeszczuk, Szeliski and Cohen 1996, "The
// Lumigraph", section 3.4).
#pragma once

#include <vector>

#include "base/control.h"
#include "base/image.h"

namespace relievo::kernels {

/// Fills in `colours` (any number of channels) wherever its `weights` `[height, width]`, 0..1, leave room: a
/// pixel of weight 1 keeps its colour, one of weight 0 gets the smooth continuation of the colours around it,
/// those in between a blend of both. Colours of weight 0 are never read, so any value may stand there.
/// Without any weight the picture becomes black. Throws Error{kCancelled}.
void push_pull(Image& colours, const std::vector<float>& weights, const CancelToken& cancel = {});

/// The RGB of an RGBA picture (straight alpha), grown from the subject's certain pixels over all others:
/// those of solid alpha (near the picture's highest), the more the farther from its edge, and those of at
/// least alpha 0.5 well inside. A soft edge is left out, for it carries the background's colour too.
Image grow_colours(const Image& picture);

}  // namespace relievo::kernels

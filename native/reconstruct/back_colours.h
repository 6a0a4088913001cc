// The colours of a back that no picture shows.
#pragma once

#include "base/control.h"
#include "base/image.h"

namespace relievo {

/// The front as seen from behind without what is only in front: what its outline shows continues smoothly
/// over its inside (hair round a head, a shell, cloth), so that no face and no label is left. `picture` is a
/// square
/// `[S, S, 4]`, in whose axes the `[S, S, 3]` result is, too; parts no wider than twice 5 % of the side stay
/// as they are. Throws Error{kCancelled}.
Image continue_outline(const Image& picture, const CancelToken& cancel);

/// Whether the inside of a square RGBA picture has features that its outline has not: there is much more
/// detail in it than along its outline. Plain and evenly patterned subjects have none.
bool has_features_inside(const Image& picture);

}  // namespace relievo

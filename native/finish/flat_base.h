// Cuts a body flat at its bottom, so that it stands.
#pragma once

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// Cuts off what lies less than `height` above the lowest place and closes the cut with a flat face. Vertices
/// at one place must be one. Throws Error{kInvalidSettings} for a height that leaves nothing,
/// Error{kInvalidImage} for a surface that is not closed, Error{kCancelled}.
Surface cut_flat(const Surface& surface, float height, const CancelToken& cancel);

}  // namespace relievo

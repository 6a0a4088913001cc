// The compact network's answer to one picture, as a field.
#pragma once

#include <memory>

#include "base/image.h"
#include "nn/field.h"
#include "reconstruct/compact_network.h"

namespace relievo {

/// Sees a foreground's picture (square RGBA, the subject's longer side at 0.85 of it) and answers in its box,
/// which is aligned with the view: perspective is not undone. Computes where the network lies. Throws
/// Error{kInvalidImage} for a picture that is not square or not RGBA.
std::unique_ptr<Field> compact_field(std::shared_ptr<const CompactNetwork> network, const Image& picture);

}  // namespace relievo

// What a picture's alpha channel says, and how sure it is meant so.
#pragma once

#include <string>

#include "base/image.h"
#include "foreground/islands.h"

namespace relievo {

enum class AlphaKind {
  kNone,   ///< no alpha channel, or one that cuts next to nothing out
  kFrame,  ///< transparent at the corners or along the border alone: a rounded picture, not a subject
  kCutOut,
};
AlphaKind alpha_kind(const Image& picture);

/// Whether the colours are multiplied by alpha: none exceeds its alpha, and beside opaque pixels the
/// see-through ones are darker as they would be so. Such colours are divided again by make_straight().
bool is_premultiplied(const Image& picture);
void make_straight(Image& picture);

/// The share of the subject, of all that is visible in the mask, that lies below the threshold for more than
/// the width of an edge, and the threshold that would keep it.
struct SeeThrough {
  double share = 0;
  float threshold = 0;
};
SeeThrough see_through_of(const Mask& mask, float threshold);

}  // namespace relievo

// Judges what a picture's alpha channel means, and how surely it is meant so.
#pragma once

#include <string>

#include "base/image.h"
#include "foreground/islands.h"

namespace relievo {

enum class AlphaKind {
  kNone,  ///< no alpha channel, or one that cuts next to nothing out
  /// Transparent at the corners or along the border alone: a rounded picture, not a subject.
  kFrame,
  kCutOut,
};
AlphaKind alpha_kind(const Image& picture);

/// Returns whether the colours are multiplied by alpha: no colour exceeds its alpha, and beside opaque pixels
/// the see-through ones are as much darker as such a multiplication makes them. make_straight() divides such
/// colours again.
bool is_premultiplied(const Image& picture);
void make_straight(Image& picture);

/// The share of the subject that lies below the threshold for more than the width of an edge, measured by all
/// that is visible in the mask, and the threshold that would keep it.
struct SeeThrough {
  double share = 0;
  float threshold = 0;
};
SeeThrough see_through_of(const Mask& mask, float threshold);

}  // namespace relievo

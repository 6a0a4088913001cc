// Mends a mask where a person has painted on the subject or on the background.
#pragma once

#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

/// A line that was painted with a round brush; a click is a line of one point.
struct MaskStroke {
  bool is_subject = true;
  std::vector<Float2> points;  ///< (right, down) from the picture's left top corner, in its pixels
  float radius = 4;            ///< of the brush, in the picture's pixels
};

/// Returns the mask, as large as the picture, with what the strokes say: under a stroke and in what is like
/// that place and not divided from it by an edge. It is GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004)
/// at 320 pixels, with a mask to begin with that holds the more, the further away the strokes are that
/// contradict it; its outline then follows the picture's edges (He, Sun and Tang, "Guided Image Filtering",
/// PAMI 2013). Where nothing has changed the mask stays as it was, to the bit. A later stroke counts before
/// an earlier one. Alpha of the picture does not count. Throws Error{kInvalidImage} for an empty picture or a
/// mask of another size, Error{kCancelled}.
Mask mend_mask(const Image& picture, const Mask& mask, const std::vector<MaskStroke>& strokes,
               const Control& control);

}  // namespace relievo

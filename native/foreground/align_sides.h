// Aligns pictures of several sides of one object.
#pragma once

#include <string>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "base/side.h"

namespace relievo {

/// The subject as cut out of the picture of one side.
struct SideCut {
  Side side = Side::kFront;
  std::string name;  ///< of the picture, for notes
  const Foreground* foreground = nullptr;
  int width = 0, height = 0;  ///< of the picture, in whose pixels the crop counts
};

struct AlignedSides {
  std::vector<SidePicture> pictures;
  /// Sentences that the person should know about how the pictures fit together.
  std::vector<std::string> notes;
};

/// Brings the sides to one scale in the model box: each is scaled so that its subject is as high as the
/// front's (or the back's), the top so that it is as wide, and all are centred on their subjects, of which
/// specks (islands.h) do not count. Then all are scaled alike, so that the object's longest side is 0.85 of
/// the box's. Pictures are `side` pixels a side. Scales and margins of the pictures make no difference. Notes
/// tell of subjects of very different size in pictures of one size, of opposite sides with different
/// outlines, of sides and a top of different depth, and of heights that one side fills and another does not.
/// Without front and back, the first picture is the measure. Throws Error{kNoSubject} for an empty cut-out,
/// Error{kCancelled}.
AlignedSides align_sides(const std::vector<SideCut>& cuts, int side, const Control& control);

}  // namespace relievo

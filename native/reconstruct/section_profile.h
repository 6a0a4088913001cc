// What one outline tells of an object's sections along an axis that another outline shares with it.
#pragma once

#include <vector>

#include "base/control.h"
#include "reconstruct/mask_outline.h"
#include "reconstruct/plane_sample.h"

namespace relievo {

/// The picture's axis along which the sections lie: at each of its places there is one.
enum class SectionAxis { kRight, kDown };

/// An inflated outline (mask_inflation.h: u, the squared height) as parts of its own sections: at each place
/// along the axis, u is compared with the most that it reaches there. An ellipsoid's outline has the
/// ellipse's 1 - u / most = (y / half width)^2; beside a body, an arm that is a third as thick never comes
/// below 8/9, so that the arm is made a third as deep as the body, whatever the body hides of it in another
/// picture.
class SectionProfile {
 public:
  /// `thinnest` is the thickness, in box units, that every part keeps. Throws Error{kNoSubject} for a level
  /// (mask_outline.h) that is positive nowhere, Error{kCancelled}.
  SectionProfile(const PlaneGrid& level, SectionAxis axis, float thinnest, const Control& control);

  /// Returns d = (most - u) / most as d^2 (1 + k) / (d + k): 0 in the middle of the section's thickest part,
  /// 1 on the outline, and near d elsewhere. The small k makes it flat about 0, over what is to keep its
  /// thickness. With its derivatives.
  PlaneSample deficit(float right, float down) const;

  /// Returns the signed distance to the outline, positive inside.
  PlaneSample distance(float right, float down) const { return interpolate(distance_, right, down); }

  /// Returns the most that u reaches in the section nearest to each node along the axis; 0 beyond the
  /// outline.
  const std::vector<float>& most() const { return most_; }

 private:
  PlaneGrid squared_height_;
  PlaneGrid distance_;
  std::vector<float> most_;
  SectionAxis axis_;
  float kept_;
};

}  // namespace relievo

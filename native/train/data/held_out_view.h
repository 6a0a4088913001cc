// One view of an object that a model is measured on, and what it is measured against.
#pragma once

#include "base/image.h"
#include "train/data/object.h"
#include "train/data/shape_score.h"
#include "train/data/view_frame.h"

namespace relievo {

class HeldOutView {
 public:
  /// The side of the picture.
  static constexpr int kSide = 256;

  /// Normalises the object and draws its camera and lights by the object's name. Throws what make_samples()
  /// does.
  HeldOutView(Object object, const std::string& name);

  /// [S, S, 4] sRGB-encoded, straight alpha: as a Foreground has it.
  const Image& picture() const { return picture_; }
  const Object& object() const { return object_; }

  /// Compares a surface of the picture's box with the object, with the camera's perspective undone.
  ShapeScore score(const Surface& in_box) const;
  /// The box's points in the object's space, in place.
  void to_object(Surface& in_box) const;

 private:
  Object object_;
  uint64_t seed_;
  ViewFrame frame_;
  Image picture_;
};

}  // namespace relievo

// Turns a foreground into a field: the embedded model `preview`. It has no weights: the subject's mask is
// inflated to both sides of the picture's plane (mask_inflation.h).
#pragma once

#include <memory>

#include "base/image.h"
#include "nn/execution.h"
#include "nn/field.h"

namespace relievo {

struct InflationSettings {
  /// Thickness in proportion to that of plain inflation, > 0; 1 turns a disc into a ball.
  float depth = 1.0f;
  int side = 256;  ///< nodes a side of the grid that is solved, 16..512

  /// The least width and thickness of stems and wires, in box units, 0..1, but never less than the width of
  /// two nodes. The default is two cells of a mesh grid of 128, from which on they come out smooth.
  float thinnest = 0.0328f;
};

/// A subject's signed distance: two heights over the picture's plane, front and back alike.
class InflatedField : public Field {
 public:
  /// `[N]` heights of the front over the plane at the places `[N, 2]` of the picture (y to its right and z
  /// up, -1..1) in box units, float32 on the CPU; 0 outside the outline.
  virtual at::Tensor heights(const at::Tensor& places) const = 0;
};

/// Throws what inflate() throws for a picture that is no foreground, and for settings out of range.
void check_inflation(const Image& picture, const InflationSettings& settings);
/// The least width of stems and wires, or what the grid needs where that is more.
float thinnest_on_grid(const InflationSettings& settings);

/// Makes the subject's signed distance on the CPU, front and back alike; it is exact for a ball, and its sign
/// always is. A shape that would be thicker than the model box is made flatter as a whole. Colours are the
/// picture's, grown from the subject over its border, and behind the picture's plane those of `back`, a
/// square RGB picture in the same axes, or the same where it is empty. Throws Error{kNoSubject} when no alpha
/// passes 0.5, Error{kInvalidSettings}, Error{kInvalidImage} for a picture that is not square or not RGBA,
/// Error{kCancelled}.
std::unique_ptr<InflatedField> inflate(const Foreground& foreground, const InflationSettings& settings,
                                       const Execution& execution, Image back = {});

}  // namespace relievo

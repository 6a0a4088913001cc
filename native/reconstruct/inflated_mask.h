// Foreground -> Field: the embedded model `preview`. It has no weights: the subject's mask is inflated to
// both sides of the picture's plane (mask_inflation.h).
#pragma once

#include <memory>

#include "base/image.h"
#include "nn/execution.h"
#include "nn/field.h"

namespace relievo {

struct InflationSettings {
  /// Thickness in proportion to that of inflation, > 0; 1 turns a disc into a ball.
  float depth = 1.0f;
  int side = 256;  ///< nodes a side of the grid that is solved, 16..512

  /// Width and thickness that stems and wires are given at least, in box units, 0..1, but two nodes' width in
  /// any case. The default is two cells of a mesh grid of 128, from where on they come out smooth.
  float thinnest = 0.0328f;
};

/// The subject as a signed distance on the CPU, front and back alike; exact for a ball, its sign exact
/// always. A shape that would be thicker than the model box is made less deep as a whole. Colours are the
/// picture's, the same front and back, grown from the subject over its border. Throws Error{kNoSubject} when
/// no alpha passes 0.5, Error{kInvalidSettings}, Error{kInvalidImage} for a picture that is not square or not
/// RGBA, Error{kCancelled}.
std::unique_ptr<Field> inflate(const Foreground& foreground, const InflationSettings& settings,
                               const Execution& execution);

}  // namespace relievo

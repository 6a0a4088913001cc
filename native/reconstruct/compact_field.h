// The compact network's answer to one picture, as a field.
#pragma once

#include <memory>

#include "base/image.h"
#include "nn/execution.h"
#include "nn/field.h"
#include "reconstruct/compact_network.h"
#include "reconstruct/inflated_mask.h"

namespace relievo {

class CompactField : public Field {
 public:
  /// Radians by which the camera stood above the object's horizon (believed_elevation).
  virtual float elevation() const = 0;
};

/// Which of the network's answers is the shape.
enum class CompactShape {
  kDistances,  ///< the distances of its heads
  kLayers,     ///< the fronts and backs of its layered depth
};

/// Sees a foreground (square RGBA, the subject's longer side at 0.85 of it) and answers in its box, which is
/// aligned with the view: perspective is not undone. Where the network takes itself to be further off than
/// the inflation with these settings is, the answer goes smoothly over to the inflation's; where it leaves a
/// part of the mask empty, a sheet at the depth that it predicts, as thick as the inflation, fills it. On a
/// regular grid it is asked at every other vertex first, and at the others near the surface alone. Computes
/// on the CPU, where the network must lie in float32. Throws what inflate() does.
std::unique_ptr<CompactField> compact_field(std::shared_ptr<const CompactNetwork> network,
                                            const Foreground& foreground, const InflationSettings& settings,
                                            const Execution& execution,
                                            CompactShape shape = CompactShape::kDistances);

/// `[B, N]` how far points `[B, N, 3]` are along x from what the layered depth takes to be inside, negative
/// there, at most kCompactReach, and never below what the outline allows.
at::Tensor layers_distance(const CompactPlanes& planes, const at::Tensor& points);

/// How much of the network's answer counts, 0..1 `[64, 64]` by pixel, for its `errors` `[2, 64, 64]` where
/// the mask `[64, 64]` (0..1) is. It changes slowly over the picture.
at::Tensor trust_in_network(const at::Tensor& errors, const at::Tensor& mask);

/// The camera's elevation that the shape is turned by, in radians: the predicted one as far as the network is
/// trusted (0..1, on average over the mask), and less of small ones, which may be mistakes.
float believed_elevation(float predicted, float trust);

}  // namespace relievo

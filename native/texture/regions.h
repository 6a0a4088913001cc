// Divides a surface into regions that can be seen from one side.
#pragma once

#include <cstdint>
#include <vector>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// Connected faces whose normals lie around one direction.
struct Region {
  std::vector<int32_t> faces;  ///< faces of the surface, ascending
  Float3 direction{0, 0, 0};   ///< unit: the mean of the faces' normals by their area
};

/// Divides the faces that have an area into connected regions whose normals differ from the region's
/// direction by a bounded angle, but for single faces: variational shape approximation by the L2,1 metric
/// (Cohen-Steiner, Alliez and Desbrun 2004), with a region more wherever the angle is too large, and regions
/// that fit together merged. `neighbours` as neighbours_of makes them. Throws Error{kCancelled}.
std::vector<Region> divide_by_direction(const Surface& surface, const std::vector<Int3>& neighbours,
                                        const CancelToken& cancel);

}  // namespace relievo

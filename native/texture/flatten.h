// Lays a region of a surface out in the plane.
#pragma once

#include <vector>

#include "base/mesh.h"
#include "texture/chart.h"
#include "texture/regions.h"

namespace relievo {

/// A region in the plane.
struct Flattened {
  std::vector<Chart> charts;
  std::vector<int32_t> rest;  ///< faces of the surface that did not lie flat
};

/// Projects a region along its direction and evens out what that squeezes (as-rigid-as-possible
/// parameterisation; Liu, Zhang, Xu, Gotsman and Gortler 2008). Where a face would be turned over or parts of
/// the region would lie over each other, the region is cut in two and each is tried again, down to a few
/// faces; where charts would be longer than `longest`, or bent so that they leave much of their box empty,
/// they are cut where they are narrow. Charts are turned so that their boxes are small. `neighbours` as
/// neighbours_of makes them.
Flattened flatten(const Surface& surface, const std::vector<Int3>& neighbours, const Region& region,
                  float longest);

}  // namespace relievo

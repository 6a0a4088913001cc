// A triplane's heads on a regular grid. A plane's features there depend on two coordinates only, and a head's
// first layer is linear: it is applied to each plane's side x side samples once, and a vertex adds up three
// of the results. So a vertex needs no sampling and no wide layer. Two of the planes see x: of these only the
// rows are kept that the vertices of a call need, so calls are cheapest for vertices that are near each other
// in x (as ascending ones are).
#pragma once

#include <memory>

#include "reconstruct/triplane_field.h"

namespace relievo {

/// The most bytes that it holds on the planes' device besides those of a call's own vertices; `width` is that
/// of the heads' first layer.
int64_t triplane_on_grid_bytes(const at::Tensor& planes, int64_t side, int64_t width = 64);

/// The planes are [3, C, H, W]; line [side] has the positions along each axis.
std::unique_ptr<GridField> triplane_on_grid(const at::Tensor& planes, std::shared_ptr<const MeshHeads> heads,
                                            const at::Tensor& line);
std::unique_ptr<GridField> triplane_on_grid(const at::Tensor& planes,
                                            std::shared_ptr<const DensityHeads> heads,
                                            const at::Tensor& line);

}  // namespace relievo

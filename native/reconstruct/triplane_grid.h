// A triplane's heads on a regular grid. A plane's features there depend on two coordinates only, and a head's
// first layer is linear: it is applied to each plane's side x side samples once, and a vertex adds up three
// of the results. No sampling and no wide layer is left for each vertex. Two of the planes see x: of these
// only as much is kept as the vertices of a call need, so calls are cheapest for vertices that are near each
// other in x (as ascending ones are).
#pragma once

#include <memory>

#include "reconstruct/triplane_field.h"

namespace relievo {

/// What it takes on the planes' device beside what a call's own vertices take, at most; `width` is that of
/// the heads' first layer.
int64_t triplane_on_grid_bytes(const at::Tensor& planes, int64_t side, int64_t width = 64);

/// planes [3, C, H, W]; line [side], the positions along each axis.
std::unique_ptr<GridField> triplane_on_grid(const at::Tensor& planes, std::shared_ptr<const MeshHeads> heads,
                                            const at::Tensor& line);
std::unique_ptr<GridField> triplane_on_grid(const at::Tensor& planes,
                                            std::shared_ptr<const DensityHeads> heads,
                                            const at::Tensor& line);

}  // namespace relievo

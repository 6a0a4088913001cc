// Finds a detailed surface near points of another one.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// Places on the detailed surface. The tensors lie on the device that was searched on.
struct FoundDetail {
  at::Tensor normals;  ///< [N, 3] the detail's unit normals there, or the point's own where nothing was found
  at::Tensor face;     ///< [N] int32; -1 where nothing was found
  at::Tensor weights;  ///< [N, 2] barycentric weights of the face's second and third corner
};

/// A detailed surface that is searched on one device.
class DetailFinder {
 public:
  /// `normals` are the detail's unit normals, one a vertex. It looks as far as `reach`, a share of the
  /// detail's diagonal.
  DetailFinder(const Surface& detail, const std::vector<Float3>& normals, float reach, at::Device device);

  /// Looks from points `[N, 3]` along the unit normals `[N, 3]` there, to both sides; where there is nothing
  /// within reach, all around (kernels/mesh_tree.h).
  FoundDetail at_points(const at::Tensor& points, const at::Tensor& directions,
                        const CancelToken& cancel) const;

 private:
  at::Device device_;
  at::Tensor nodes_, order_, faces_, vertices_, normals_;
  float reach_ = 0;
  bool has_faces_ = false;
};

}  // namespace relievo

// The texels of a texture and the points of the surface that they show.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "base/mesh.h"
#include "kernels/tiles.h"
#include "nn/execution.h"

namespace relievo {

/// The covered texels of some rows. The tensors lie on the execution's device.
struct Texels {
  at::Tensor number;  ///< [N] int64: row * size + column
  at::Tensor face;    ///< [N] int32
  /// [N, 2] float32 barycentric weights of the face's second and third corner.
  at::Tensor weights;
  at::Tensor positions;  ///< [N, 3] float32, model box
  at::Tensor normals;    ///< [N, 3] float32, unit: the vertices' normals, interpolated
  /// The number of texels whose centre lies in a chart; the others are its rim.
  int64_t inside = 0;
};

/// A texture of `size` x `size` texels over a surface, read band by band so that memory stays bounded.
class TexelReader {
 public:
  /// The reader refers to surface, coordinates and normals, which must outlive it.
  TexelReader(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
              const std::vector<Float3>& normals, int size, const Execution& execution);

  int bands() const { return (size_ + band_rows_ - 1) / band_rows_; }
  Texels band(int number) const;

 private:
  int size_;
  int band_rows_;
  at::Device device_;
  at::Tensor corners_, first_, listed_, faces_, vertices_, normals_;
  int32_t across_;
};

}  // namespace relievo

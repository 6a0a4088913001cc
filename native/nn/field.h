// The one interface between what makes a shape and what meshes and colours it.
#pragma once

#include <ATen/core/Tensor.h>

namespace relievo {

enum class FieldKind {
  kSignedDistance,  ///< negative inside, zero on the surface
  kDensity,         ///< volume density >= 0; the surface is where it passes a threshold
};

/// A shape in the model box -1..1 (axes: base/mesh.h). All points are `[N, 3]` float32 (x, y, z) on the
/// field's device; points outside the box are answered too. Calls may run on several threads at once; none
/// changes the field.
class Field {
 public:
  virtual ~Field() = default;

  virtual FieldKind kind() const = 0;
  virtual at::Device device() const = 0;

  /// `[N]` float32: signed distance (in whatever scale the model learnt; only its zero is a length) or
  /// density.
  virtual at::Tensor values(const at::Tensor& points) const = 0;

  /// `[N, 3]` how far each vertex of a grid of `grid` cubes a side moves, in box units; undefined where the
  /// field does not deform. (InstantMesh: tanh(net_deformation) / (4 grid).)
  virtual at::Tensor deformation(const at::Tensor& points, int grid) const {
    (void)points, (void)grid;
    return {};
  }

  /// `[F, 21]` raw FlexiCubes weights (beta 0-11, alpha 12-19, gamma 20, before tanh and sigmoid) of cubes
  /// whose corners
  /// `[F, 8, 3]` are in FlexiCubes order, x fastest; undefined where the field has none.
  virtual at::Tensor cube_weights(const at::Tensor& corners) const {
    (void)corners;
    return {};
  }

  /// `[N, 3]` sRGB-encoded colour, about 0..1, not clamped.
  virtual at::Tensor colours(const at::Tensor& points) const = 0;
};

}  // namespace relievo

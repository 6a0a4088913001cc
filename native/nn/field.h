// The one interface between what makes a shape and what meshes and colours it.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

namespace relievo {

enum class FieldKind {
  kSignedDistance,  ///< negative inside, zero on the surface
  kDensity,         ///< volume density >= 0; the surface is where it passes a threshold
};

/// A field seen at the vertices of one regular grid: `side` positions along each axis, vertex (x side + y)
/// side + z. It answers what Field answers at the vertices' positions, up to rounding errors; a field that
/// can share work between vertices does so here. Results lie on the field's device.
class GridField {
 public:
  virtual ~GridField() = default;

  /// `[last - first]` values at the vertices first..last - 1.
  virtual at::Tensor values(int64_t first, int64_t last) const = 0;
  /// `[N, 3]` deformation of vertices `[N]` (int64, on the CPU); undefined where the field does not deform.
  virtual at::Tensor deformation(const at::Tensor& vertices) const = 0;
  /// `[F, 21]` weights of the cubes with the vertices `[F, 8]` (int64, on the CPU); undefined where there are
  /// none.
  virtual at::Tensor cube_weights(const at::Tensor& corners) const = 0;
  /// Returns whether a cube takes no more workspace than a vertex; otherwise it takes eight times as much.
  virtual bool cubes_are_narrow() const { return false; }
  /// The bytes that it holds on the field's device as long as it lives.
  virtual int64_t held_bytes() const { return 0; }
};

/// `[N, 3]` positions of the vertices `[N]` (int64, on the CPU) of the grid with the positions `line`
/// `[side]` along each axis.
at::Tensor line_positions(const at::Tensor& line, const at::Tensor& vertices);

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

  /// For a density: the value on the surface. (It was published with InstantNeRF as 10.)
  virtual float density_threshold() const { return 10; }

  /// `[N, 3]` displacement of each vertex of a grid of `grid` cubes a side, in box units; undefined where the
  /// field does not deform. (InstantMesh: tanh(net_deformation) / (4 grid).)
  virtual at::Tensor deformation(const at::Tensor& points, int grid) const {
    (void)points, (void)grid;
    return {};
  }

  /// `[F, 21]` raw FlexiCubes weights (beta 0-11, alpha 12-19, gamma 20, before tanh and sigmoid) of cubes
  /// whose corners `[F, 8, 3]` are in FlexiCubes order, x fastest; undefined where the field has none.
  virtual at::Tensor cube_weights(const at::Tensor& corners) const {
    (void)corners;
    return {};
  }

  /// `[N, 3]` (on the CPU): points of the surface that was meshed, moved onto the shape as it is. A field may
  /// be thicker than its shape, so that parts that are thinner than a grid's cubes are meshed whole; the mesh
  /// is made thin again afterwards. Undefined where what is meshed is the shape itself.
  virtual at::Tensor settled(const at::Tensor& points) const {
    (void)points;
    return {};
  }

  /// `[N, 3]` sRGB-encoded colour, about 0..1, not clamped.
  virtual at::Tensor colours(const at::Tensor& points) const = 0;

  /// This field on the grid with the positions `line` `[side]` float32 (on the CPU) along each axis. The
  /// result reads this field, which must outlive it, and holds no more than `byte_budget` on the field's
  /// device. Fields that do not override this are asked point by point.
  virtual std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const {
    (void)byte_budget;
    return on_grid_by_points(line);
  }

  /// As on_grid, but always point by point.
  std::unique_ptr<GridField> on_grid_by_points(const at::Tensor& line) const;
};

}  // namespace relievo

// Projects pictures of the object back onto its surface.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "base/camera.h"
#include "base/image.h"
#include "base/mesh.h"
#include "nn/execution.h"

namespace relievo {

/// The camera of a picture. An orthographic one looks from far away along the pinhole camera's axis, and
/// shows the plane through the origin as that one does. A default camera is the one of the input picture: far
/// away on +X, the picture's right is +Y, its square is the model box's -1..1.
struct PictureCamera {
  bool is_perspective = false;
  CameraVector camera{0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0.5f, 0.5f, 0.5f, 0.5f};  ///< base/camera.h
};

/// A picture together with what it can see of one surface.
class Projector {
 public:
  /// `picture` `[H, W, 3 or 4]` is square. Pixels near an outline that the surface has in the picture, and
  /// near alpha below 0.5, count less, for they carry the background's colour too.
  Projector(const Surface& surface, Image picture, const PictureCamera& camera, const Execution& execution);

  /// Computes how well the picture shows a point with this unit normal, 0..1: 1 where the surface faces the
  /// camera, 0 where it turns away by more than about 78 degrees or where something lies in front. Where it
  /// is more than 0, the point is at column x and row y, in units of the picture's side.
  float weight(const float* point, const float* normal, float& x, float& y) const;

  /// The direction from a point towards the camera, of length 1.
  Float3 towards_camera(const float* point) const;

  const Image& picture() const { return picture_; }

  /// Adds to `sums` `[count, 3]` and `weights` `[count]` the squared weight of each point times its colour,
  /// and that weight, and raises `best` `[count]` to the weight.
  void add(const float* points, const float* normals, int64_t count, float* sums, float* weights,
           float* best) const;

 private:
  /// Computes column and row in units of the picture's side, and how near the point is; returns false behind
  /// the camera.
  bool project(const float* point, float& x, float& y, float& near) const;

  Image picture_;
  PictureCamera camera_;
  float scale_ = 0;  // of an orthographic camera: its picture's side for a length of 1
  int depth_side_ = 0;
  std::vector<float> near_;  // [depth_side, depth_side]
  // [depth_side, depth_side]: 0 at an outline, 1 well inside of it.
  std::vector<float> certain_;
};

}  // namespace relievo

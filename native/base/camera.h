// Cameras. One convention throughout: right-handed world with Z up; OpenGL camera axes (x right, y up,
// looking along -z); a pose is camera-to-world. A point in front of the camera has a negative z in camera
// axes.
#pragma once

#include <array>
#include <vector>

namespace relievo {

using Vector3 = std::array<double, 3>;
using Matrix4 = std::array<double, 16>;  ///< row-major

/// Camera-to-world of a camera at `position` that looks at `target`, its up as near to world Z as can be.
/// Looking straight up or down, where that says nothing, the picture's up is world X.
Matrix4 look_at(const Vector3& position, const Vector3& target = {0, 0, 0});

/// The position at these angles around the origin: azimuth 0 is +X and grows towards +Y, elevation 90 degrees
/// is +Z.
Vector3 on_sphere(double azimuth_degrees, double elevation_degrees, double radius);

/// `count` poses around the origin at equal steps of azimuth, the first at azimuth 0.
std::vector<Matrix4> orbit(int count, double radius, double elevation_degrees);

/// The inverse of a pose (rotation and translation only): world-to-camera.
Matrix4 inverse_pose(const Matrix4& pose);

/// Focal length of a square picture in units of its side: 0.5 / tan(fov / 2).
double focal_length(double fov_degrees);

/// Pinhole intrinsics in units of the picture's side, principal point in the centre: 3 x 3, row-major.
std::array<double, 9> intrinsics(double fov_degrees);

/// OpenGL clip matrix for column vectors, square picture, with y pointing down in clip space (row 0 of the
/// picture is its top): clip = P * (x, y, z, 1). Depth runs from -1 at `near` to 1 at `far`.
Matrix4 projection(double fov_y_degrees, double near = 0.1, double far = 1000.0);

/// A camera as the networks take it (InstantMesh): the first three rows of camera-to-world, then fx, fy,
/// cx, cy in units of the picture's side.
using CameraVector = std::array<float, 16>;
CameraVector camera_vector(const Matrix4& pose, double fov_degrees);

/// The six cameras of Zero123++'s pictures: azimuths 30, 90, ... 330 degrees from the input view, elevations
/// 20 and -10 in turn. InstantMesh uses radius 4 (times a scale) and a field of view of 30 degrees.
std::vector<CameraVector> six_view_cameras(double radius = 4.0, double fov_degrees = 30.0);

/// The four of the six views that a four-view reconstruction takes.
inline constexpr std::array<int, 4> kFourViews{0, 2, 4, 5};

struct Ray {
  Vector3 origin;
  Vector3 direction;  ///< of length 1
};

/// The ray through the centre of pixel (column, row) of a square picture of `side` pixels.
Ray pixel_ray(const Matrix4& pose, double fov_degrees, int side, int column, int row);

}  // namespace relievo

#include "base/camera.h"

#include <cmath>
#include <numbers>

namespace relievo {
namespace {

double radians(double degrees) { return degrees * std::numbers::pi / 180.0; }

Vector3 subtract(const Vector3& a, const Vector3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }

Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double length(const Vector3& v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

Vector3 normalised(const Vector3& v) {
  const double l = length(v);
  return {v[0] / l, v[1] / l, v[2] / l};
}

}  // namespace

Matrix4 look_at(const Vector3& position, const Vector3& target) {
  const Vector3 back = normalised(subtract(position, target));
  constexpr double kParallel = 1e-9;
  const Vector3 sideways = cross({0, 0, 1}, back);
  const Vector3 right = normalised(length(sideways) > kParallel ? sideways : cross({1, 0, 0}, back));
  const Vector3 up = cross(back, right);
  return {right[0], up[0], back[0], position[0],  //
          right[1], up[1], back[1], position[1],  //
          right[2], up[2], back[2], position[2],  //
          0,        0,     0,       1};
}

Vector3 on_sphere(double azimuth_degrees, double elevation_degrees, double radius) {
  const double azimuth = radians(azimuth_degrees), elevation = radians(elevation_degrees);
  return {radius * std::cos(elevation) * std::cos(azimuth), radius * std::cos(elevation) * std::sin(azimuth),
          radius * std::sin(elevation)};
}

std::vector<Matrix4> orbit(int count, double radius, double elevation_degrees) {
  std::vector<Matrix4> poses;
  for (int i = 0; i < count; ++i)
    poses.push_back(look_at(on_sphere(360.0 * i / count, elevation_degrees, radius)));
  return poses;
}

Matrix4 inverse_pose(const Matrix4& pose) {
  Matrix4 inverse{};
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      inverse[row * 4 + column] = pose[column * 4 + row];
      inverse[row * 4 + 3] -= pose[column * 4 + row] * pose[column * 4 + 3];
    }
  }
  inverse[15] = 1;
  return inverse;
}

double focal_length(double fov_degrees) { return 0.5 / std::tan(radians(fov_degrees) / 2); }

std::array<double, 9> intrinsics(double fov_degrees) {
  const double f = focal_length(fov_degrees);
  return {f, 0, 0.5, 0, f, 0.5, 0, 0, 1};
}

Matrix4 projection(double fov_y_degrees, double near, double far) {
  const double f = 2 * focal_length(fov_y_degrees);
  return {f,
          0,
          0,
          0,  //
          0,
          -f,
          0,
          0,  //
          0,
          0,
          -(far + near) / (far - near),
          -2 * far * near / (far - near),
          0,
          0,
          -1,
          0};
}

CameraVector camera_vector(const Matrix4& pose, double fov_degrees) {
  CameraVector camera;
  for (int i = 0; i < 12; ++i) camera[i] = static_cast<float>(pose[i]);
  camera[12] = camera[13] = static_cast<float>(focal_length(fov_degrees));
  camera[14] = camera[15] = 0.5f;
  return camera;
}

std::vector<CameraVector> six_view_cameras(double radius, double fov_degrees) {
  std::vector<CameraVector> cameras;
  for (int i = 0; i < 6; ++i) {
    const double elevation = i % 2 == 0 ? 20.0 : -10.0;
    cameras.push_back(camera_vector(look_at(on_sphere(30.0 + 60.0 * i, elevation, radius)), fov_degrees));
  }
  return cameras;
}

Ray pixel_ray(const Matrix4& pose, double fov_degrees, int side, int column, int row) {
  const double f = focal_length(fov_degrees);
  const double x = ((column + 0.5) / side - 0.5) / f, y = -((row + 0.5) / side - 0.5) / f;
  Ray ray{{pose[3], pose[7], pose[11]}, {}};
  for (int i = 0; i < 3; ++i) ray.direction[i] = pose[i * 4] * x + pose[i * 4 + 1] * y - pose[i * 4 + 2];
  ray.direction = normalised(ray.direction);
  return ray;
}

}  // namespace relievo

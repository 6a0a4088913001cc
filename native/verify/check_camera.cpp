#include <ATen/ATen.h>

#include "base/camera.h"
#include "verify/checks.h"

namespace relievo {
namespace {

constexpr Tolerance kTolerance{.absolute = 1e-5};

at::Tensor matrix(const Matrix4& m) {
  return at::tensor(at::ArrayRef<double>(m.data(), m.size())).view({4, 4});
}

at::Tensor vector(const CameraVector& v) { return at::tensor(at::ArrayRef<float>(v.data(), v.size())); }

template <typename Items, typename Convert>
at::Tensor stacked(const Items& items, const Convert& convert) {
  std::vector<at::Tensor> tensors;
  for (const auto& item : items) tensors.push_back(convert(item));
  return at::stack(tensors);
}

Vector3 row_of(const at::Tensor& rows, int64_t i) {
  return {rows[i][0].item<double>(), rows[i][1].item<double>(), rows[i][2].item<double>()};
}

void check_inputs(Fixture& fixture) {
  const auto& cases = fixture.config().at("input_cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto cameras = six_view_cameras(cases[i].at("radius"), cases[i].at("fov_deg"));
    const at::Tensor ours = stacked(cameras, vector).unsqueeze(0);
    fixture.compare("input/" + std::to_string(i), ours.repeat({cases[i].at("batch").get<int64_t>(), 1, 1}),
                    kTolerance);
    if (i == 0 && fixture.has("input/4view")) {
      const at::Tensor four =
          at::tensor(at::ArrayRef<int>(kFourViews.data(), kFourViews.size())).to(at::kLong);
      fixture.compare("input/4view", ours.index_select(1, four), kTolerance);
    }
  }
}

void check_orbits(Fixture& fixture) {
  const auto& cases = fixture.config().at("render_cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    const int64_t batch = cases[i].at("batch");
    const auto poses = orbit(cases[i].at("M"), cases[i].at("radius"), cases[i].at("elevation_deg"));
    const std::string index = std::to_string(i);
    fixture.compare("circular_c2w/" + index, stacked(poses, matrix), kTolerance);
    const auto repeated = [&](const at::Tensor& t) { return t.unsqueeze(0).repeat_interleave(batch, 0); };
    fixture.compare("render_flexicubes/" + index,
                    repeated(stacked(poses, [](const Matrix4& pose) { return matrix(inverse_pose(pose)); })),
                    kTolerance);
    // The published NeRF renderer looks through 30 degrees.
    const auto k = intrinsics(30);
    const at::Tensor k_tensor = at::tensor(at::ArrayRef<double>(k.data(), k.size()));
    fixture.compare("render_nerf/" + index,
                    repeated(stacked(poses,
                                     [&](const Matrix4& pose) {
                                       return at::cat({matrix(pose).flatten(), k_tensor});
                                     })),
                    kTolerance);
  }
}

void check_poses(Fixture& fixture) {
  const at::Tensor azimuth = fixture.read("spherical/azimuth_deg"),
                   elevation = fixture.read("spherical/elevation_deg");
  const double radius = fixture.config().at("spherical_radius");
  std::vector<at::Tensor> spherical;
  for (int64_t i = 0; i < azimuth.size(0); ++i) {
    spherical.push_back(
        matrix(look_at(on_sphere(azimuth[i].item<double>(), elevation[i].item<double>(), radius))));
  }
  fixture.compare("spherical/c2w", at::stack(spherical), kTolerance);

  const at::Tensor position = fixture.read("look_at/position");
  const Vector3 target = row_of(fixture.read("look_at/target").unsqueeze(0), 0);
  std::vector<at::Tensor> looking;
  for (int64_t i = 0; i < position.size(0); ++i)
    looking.push_back(matrix(look_at(row_of(position, i), target)));
  fixture.compare("look_at/c2w", at::stack(looking), kTolerance);
}

void check_lenses(Fixture& fixture) {
  for (const std::string& name : fixture.tensors("intrinsics/fov")) {
    const auto k = intrinsics(number_after(name, "intrinsics/fov"));
    fixture.compare(name, at::tensor(at::ArrayRef<double>(k.data(), k.size())).view({3, 3}), kTolerance);
  }
  const std::string prefix = "projection/fovy";
  for (const std::string& name : fixture.tensors(prefix)) {
    const std::string fov = name.substr(prefix.size());
    const at::Tensor p = matrix(projection(std::stod(fov)));
    fixture.compare(name, p.unsqueeze(0), kTolerance);
    const at::Tensor points = fixture.read("projection/points" + fov).to(at::kDouble);
    fixture.compare("projection/clip" + fov, points.matmul(p.t()), kTolerance);
  }
}

/// `rays/size<S>/*` are the rays of render_nerf/1.
void check_rays(Fixture& fixture) {
  const auto& orbit_case = fixture.config().at("render_cases").at(1);
  const auto poses = orbit(orbit_case.at("M"), orbit_case.at("radius"), orbit_case.at("elevation_deg"));
  const std::string prefix = "rays/size", suffix = "/directions";
  for (const std::string& name : fixture.tensors(prefix)) {
    if (!name.ends_with(suffix)) continue;
    const std::string base = name.substr(0, name.size() - suffix.size());
    const int side = static_cast<int>(number_after(base, prefix));
    const auto count = static_cast<int64_t>(poses.size());
    at::Tensor origins = at::empty({count, side * side, 3}, at::kDouble),
               directions = at::empty_like(origins);
    for (int64_t i = 0; i < count * side * side; ++i) {
      const int pixel = static_cast<int>(i % (side * side));
      const Ray ray = pixel_ray(poses[i / (side * side)], 30, side, pixel % side, pixel / side);
      std::copy(ray.origin.begin(), ray.origin.end(), origins.data_ptr<double>() + 3 * i);
      std::copy(ray.direction.begin(), ray.direction.end(), directions.data_ptr<double>() + 3 * i);
    }
    fixture.compare(name, directions, kTolerance);
    fixture.compare(base + "/origins", origins, kTolerance);
  }
}

}  // namespace

void check_camera(Fixture& fixture) {
  check_inputs(fixture);
  check_orbits(fixture);
  check_poses(fixture);
  check_lenses(fixture);
  check_rays(fixture);
}

}  // namespace relievo

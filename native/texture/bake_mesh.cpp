#include "texture/bake_mesh.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/numbers.h"
#include "base/parallel.h"
#include "base/refusals.h"
#include "base/vectors.h"
#include "base/vertex_normals.h"
#include "kernels/mip_pyramid.h"
#include "kernels/push_pull.h"
#include "texture/chart.h"
#include "texture/detail_search.h"
#include "texture/tangent_space.h"
#include "texture/texels.h"

namespace relievo {
namespace {

using kernels::MipPyramid;
using Uv = std::array<Float2, 3>;

constexpr Range<int> kSizes{64, 8192};
constexpr Range<float> kReaches{0.0001f, 1.0f};
constexpr int64_t kGrain = 4096;

bool is_finite(const Uv& uv) {
  return std::ranges::all_of(uv, [](const Float2& p) { return std::isfinite(p[0]) && std::isfinite(p[1]); });
}

void check(const MeshFile& source, const Surface& target, const std::vector<Uv>& corner_uv,
           const MeshBakeSettings& settings) {
  if (settings.size < kSizes.low || settings.size > kSizes.high) {
    throw invalid_value("texture size", fmt::to_string(settings.size),
                        fmt::format("Use {} to {}.", kSizes.low, kSizes.high));
  }
  if (!(settings.reach >= kReaches.low && settings.reach <= kReaches.high)) {
    throw invalid_value(
        "reach", fmt::to_string(settings.reach),
        fmt::format("Use {} to {}, a share of the source's diagonal.", kReaches.low, kReaches.high));
  }
  const size_t faces = source.surface.faces.size();
  const auto fits = [&](size_t count) { return count == 0 || count == faces; };
  if (corner_uv.size() != target.faces.size() || !fits(source.corner_uv.size()) ||
      !fits(source.face_texture.size()) || !fits(source.face_material.size()) ||
      (!source.normals.empty() && source.normals.size() != source.surface.vertices.size())) {
    throw Error(ErrorCode::kInternal, "The parts of the meshes do not fit together.");
  }
}

/// The texels of a texture with so many texels that a face gets for each unit of its area; 0 where it has
/// neither.
double density(const Surface& surface, size_t face, const Uv& uv, double texels) {
  const double area = length(area_normal_in_double(surface, surface.faces[face])) / 2;
  return area > 0 ? std::abs(uv_area(uv)) * texels / area : 0;
}

/// A coordinate of a texture that repeats.
double repeated(float coordinate) {
  const double value = coordinate;
  return value >= 0 && value <= 1 ? value : value - std::floor(value);
}

/// What the source shows at places on its faces.
class SourceLook {
 public:
  SourceLook(const MeshFile& mesh, const std::vector<Float3>& normals) : mesh_(mesh), normals_(normals) {
    for (const ByteImage& texture : mesh.textures)
      textures_.push_back(std::make_unique<MipPyramid>(texture, MipPyramid::Content::kColour));
    for (const ByteImage& map : mesh.normal_maps)
      normal_maps_.push_back(std::make_unique<MipPyramid>(map, MipPyramid::Content::kDirection));
    if (mesh.corner_uv.empty()) return;
    densities_.resize(mesh.surface.faces.size());
    parallel_for(static_cast<int64_t>(densities_.size()), kGrain, [&](int64_t first, int64_t last) {
      for (int64_t f = first; f < last; ++f) {
        const int32_t texture = texture_of(f);
        if (texture < 0) continue;
        const double texels =
            double{static_cast<double>(mesh.textures[texture].width)} * mesh.textures[texture].height;
        densities_[f] =
            static_cast<float>(density(mesh.surface, static_cast<size_t>(f), mesh.corner_uv[f], texels));
      }
    });
    if (!normal_maps_.empty()) make_tangent_space();
  }

  /// The sRGB-encoded colour at a place, for a target with so many texels an area.
  Float3 colour(int32_t face, float w1, float w2, float target_density) const {
    Float3 linear = material_of(face) < 0 ? Float3{1, 1, 1} : mesh_.materials[material_of(face)].colour;
    if (const int32_t texture = texture_of(face); texture >= 0) {
      const Float2 uv = uv_at(face, w1, w2);
      const std::array<float, 3> read =
          textures_[texture]->at(repeated(uv[0]), repeated(uv[1]), level(densities_[face], target_density));
      for (size_t c = 0; c < 3; ++c) linear[c] *= read[c];
    }
    for (float& channel : linear) channel = srgb_from_linear(channel);
    return linear;
  }

  /// The unit normal at a place.
  Float3 normal(int32_t face, float w1, float w2, float target_density) const {
    const Int3& f = mesh_.surface.faces[face];
    const Float3 smooth = unit(mixed(normals_[f[0]], normals_[f[1]], normals_[f[2]], w1, w2));
    const int32_t material = material_of(face);
    const int32_t map = material < 0 ? -1 : mesh_.materials[material].normal_map;
    if (map < 0 || !tangent_space_ || !is_finite(mesh_.corner_uv[face])) return smooth;
    const Float2 uv = uv_at(face, w1, w2);
    return tangent_space_->to_world(
        face, w1, w2,
        normal_maps_[map]->at(repeated(uv[0]), repeated(uv[1]), level(densities_[face], target_density)));
  }

 private:
  /// The texture that a face shows; -1 where it has none, or no UVs.
  int32_t texture_of(int64_t face) const {
    if (mesh_.corner_uv.empty() || mesh_.face_texture.empty() || !is_finite(mesh_.corner_uv[face])) return -1;
    return mesh_.face_texture[face];
  }
  int32_t material_of(int64_t face) const {
    return mesh_.face_material.empty() ? -1 : mesh_.face_material[face];
  }
  Float2 uv_at(int32_t face, float w1, float w2) const {
    const Uv& uv = mesh_.corner_uv[face];
    return mixed(uv[0], uv[1], uv[2], w1, w2);
  }
  /// The mip level whose texels are as large as the target's.
  static double level(float source_density, float target_density) {
    if (!(source_density > target_density) || !(target_density > 0)) return 0;
    return 0.5 * std::log2(source_density / target_density);
  }

  void make_tangent_space() {
    // Faces without UVs have no tangents; the others' must not be lost with them.
    finite_uv_ = mesh_.corner_uv;
    for (Uv& uv : finite_uv_) {
      if (!is_finite(uv)) uv = {};
    }
    tangent_space_.emplace(mesh_.surface, finite_uv_, normals_);
  }

  const MeshFile& mesh_;
  const std::vector<Float3>& normals_;
  std::vector<std::unique_ptr<MipPyramid>> textures_, normal_maps_;
  std::vector<float> densities_;  // texels an area, one a face
  std::vector<Uv> finite_uv_;
  std::optional<TangentSpace> tangent_space_;
};

std::vector<float> target_densities(const Surface& target, const std::vector<Uv>& corner_uv, int size) {
  std::vector<float> densities(target.faces.size());
  const double texels = static_cast<double>(size) * size;
  parallel_for(static_cast<int64_t>(densities.size()), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t f = first; f < last; ++f)
      densities[f] = static_cast<float>(density(target, static_cast<size_t>(f), corner_uv[f], texels));
  });
  return densities;
}

}  // namespace

BakedMaps bake_mesh(const MeshFile& source, const Surface& target, const std::vector<Uv>& corner_uv,
                    const MeshBakeSettings& settings, const Execution& execution) {
  check(source, target, corner_uv, settings);
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  control.step(0);
  const std::vector<Float3> source_normals =
      source.normals.empty() ? vertex_normals(source.surface) : source.normals;
  const std::vector<Float3> normals = vertex_normals(target);
  const SourceLook look(source, source_normals);
  control.step(0.05);
  const DetailFinder search(source.surface, source_normals, settings.reach, execution.device);
  const std::vector<float> densities = target_densities(target, corner_uv, settings.size);
  std::optional<TangentSpace> tangent_space;
  if (settings.normal_map) tangent_space.emplace(target, corner_uv, normals);
  control.step(0.15);

  const auto texels_of_map = static_cast<size_t>(settings.size) * settings.size;
  Image albedo(settings.size, settings.size, 3);
  Image map(tangent_space ? settings.size : 0, tangent_space ? settings.size : 0, 3);
  std::vector<float> coverage(texels_of_map, 0);
  int64_t covered = 0;
  std::atomic<int64_t> found = 0;
  const TexelReader reader(target, corner_uv, normals, settings.size, execution);
  for (int band = 0; band < reader.bands(); ++band) {
    const Texels texels = reader.band(band);
    const FoundDetail detail = search.at_points(texels.positions, texels.normals, control.cancel);
    const at::Tensor hits = detail.face.cpu(), places = detail.weights.cpu();
    const at::Tensor number = texels.number.cpu(), face = texels.face.cpu(), weights = texels.weights.cpu();
    const int32_t *hit = hits.const_data_ptr<int32_t>(), *of_face = face.const_data_ptr<int32_t>();
    const float *place = places.const_data_ptr<float>(), *weight = weights.const_data_ptr<float>();
    const int64_t* texel = number.const_data_ptr<int64_t>();
    covered += number.size(0);
    parallel_for(number.size(0), kGrain, [&](int64_t first, int64_t last) {
      control.cancel.check();
      int64_t here = 0;
      for (int64_t i = first; i < last; ++i) {
        if (hit[i] < 0) continue;
        ++here;
        const float target_density = densities[of_face[i]], w1 = place[2 * i], w2 = place[2 * i + 1];
        const Float3 colour = look.colour(hit[i], w1, w2, target_density);
        std::copy_n(colour.data(), 3, &albedo.pixels[3 * texel[i]]);
        coverage[texel[i]] = 1;
        if (!tangent_space) continue;
        const Float3 local = tangent_space->to_local(of_face[i], weight[2 * i], weight[2 * i + 1],
                                                     look.normal(hit[i], w1, w2, target_density));
        std::copy_n(local.data(), 3, &map.pixels[3 * texel[i]]);
      }
      found += here;
    });
    control.step(0.15 + 0.7 * (band + 1) / reader.bands());
  }
  BakedMaps maps;
  maps.found = covered > 0 ? static_cast<double>(found) / static_cast<double>(covered) : 0;
  kernels::push_pull(albedo, coverage, control.cancel);
  maps.albedo = to_bytes(albedo);
  control.step(0.93);
  if (tangent_space) {
    kernels::push_pull(map, coverage, control.cancel);
    maps.normal_map = normal_map_of(map, control.cancel);
  }
  control.step(1);
  return maps;
}

}  // namespace relievo

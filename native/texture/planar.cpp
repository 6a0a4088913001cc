#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/push_pull.h"
#include "kernels/resample.h"
#include "texture/charts.h"
#include "texture/texture.h"

namespace relievo {
namespace {

constexpr int kSmallestTexture = 64;
constexpr int kLargestTexture = 8192;
constexpr int kSmallestChart = 32;  // faces

/// Where a vertex lies in its chart: fractions 0..1 of the picture, (right, up), at least half a texel inside
/// so that no sample reaches into the other chart.
Float2 project(const Float3& vertex, float half_texel) {
  const auto fraction = [&](float coordinate) {
    return std::clamp((coordinate + 1) / 2, half_texel, 1 - half_texel);
  };
  return {fraction(vertex[1]), fraction(vertex[2])};
}

/// The picture on the left, its mirror image on the right.
ByteImage side_by_side(const ByteImage& picture) {
  ByteImage both(2 * picture.width, picture.height, 3);
  for (int y = 0; y < picture.height; ++y) {
    std::copy_n(picture.pixel(0, y), 3 * static_cast<size_t>(picture.width), both.pixel(0, y));
    for (int x = 0; x < picture.width; ++x) {
      std::copy_n(picture.pixel(x, y), 3, both.pixel(both.width - 1 - x, y));
    }
  }
  return both;
}

std::vector<std::array<Float2, 3>> planar_uv(const Surface& surface, float half_texel) {
  const std::vector<Side> sides = sides_of(surface, kSmallestChart);
  std::vector<std::array<Float2, 3>> corner_uv(surface.faces.size());
  for (size_t f = 0; f < corner_uv.size(); ++f) {
    for (size_t corner = 0; corner < 3; ++corner) {
      const auto [right, up] = project(surface.vertices[surface.faces[f][corner]], half_texel);
      corner_uv[f][corner] = {(sides[f] == Side::kFront ? right : 2 - right) / 2, up};
    }
  }
  return corner_uv;
}

std::vector<Float3> picture_colours(const Surface& surface, const Image& colours) {
  std::vector<Float3> result(surface.vertices.size());
  const float half_width = static_cast<float>(colours.width) / 2;
  const float half_height = static_cast<float>(colours.height) / 2;
  parallel_for(static_cast<int64_t>(result.size()), 8192, [&](int64_t first, int64_t last) {
    for (int64_t v = first; v < last; ++v) {
      const Float3& vertex = surface.vertices[v];
      kernels::sample_bilinear(colours, (1 + vertex[1]) * half_width, (1 - vertex[2]) * half_height,
                               result[v].data());
    }
  });
  return result;
}

}  // namespace

TexturedMesh texture_from_picture(Surface surface, const Foreground& foreground,
                                  const TextureSettings& settings, const Control& control) {
  if (settings.size < kSmallestTexture || settings.size > kLargestTexture) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("A texture of {} texels is not possible.", settings.size),
                fmt::format("Choose {} to {}.", kSmallestTexture, kLargestTexture));
  }
  control.step(0);
  const Image grown = kernels::grow_colours(foreground.image);
  control.step(0.3);
  Image albedo(settings.size, settings.size, 3);
  albedo.pixels = kernels::resample(grown.pixels, grown.width, grown.height, 3, settings.size, settings.size);
  control.step(0.6);

  TexturedMesh mesh;
  mesh.albedo = side_by_side(to_bytes(albedo));
  control.step(0.8);
  mesh.corner_uv = planar_uv(surface, 0.5f / static_cast<float>(settings.size));
  mesh.vertex_colours = picture_colours(surface, grown);
  mesh.surface = std::move(surface);
  control.step(1);
  return mesh;
}

}  // namespace relievo

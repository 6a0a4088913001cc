#include "texture/atlas.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/vectors.h"
#include "texture/charts.h"
#include "texture/pack.h"

namespace relievo {
namespace {

void check(const Surface& surface) {
  const auto count = static_cast<int32_t>(surface.vertices.size());
  for (const Float3& v : surface.vertices) {
    if (!std::isfinite(v[0]) || !std::isfinite(v[1]) || !std::isfinite(v[2])) {
      throw Error(ErrorCode::kInternal, "The surface has coordinates that are not finite.");
    }
  }
  bool has_area = false;
  for (const Int3& face : surface.faces) {
    for (const int32_t v : face) {
      if (v < 0 || v >= count) {
        throw Error(ErrorCode::kInternal, fmt::format("A face names vertex {} of {} vertices.", v, count));
      }
    }
    has_area |= length(area_normal(surface, face)) > 0;
  }
  if (!has_area) {
    throw Error(ErrorCode::kEmptySurface, "There is no surface to texture.",
                "Lower the mask threshold, or choose another picture.");
  }
}

/// The stretch of a face by the map from the texture onto the surface: the mean square of the singular values
/// (L2 of Sander, Snyder, Gortler and Hoppe 2001), times its area on the surface.
double squared_stretch(const Surface& surface, const Int3& face, const std::array<Float2, 3>& uv) {
  const double doubled_area = length(area_normal(surface, face));
  const Float3 e1 = minus(surface.vertices[face[1]], surface.vertices[face[0]]);
  const Float3 e2 = minus(surface.vertices[face[2]], surface.vertices[face[0]]);
  const double u1 = uv[1][0] - uv[0][0], v1 = uv[1][1] - uv[0][1];
  const double u2 = uv[2][0] - uv[0][0], v2 = uv[2][1] - uv[0][1];
  const double determinant = u1 * v2 - u2 * v1;
  if (!(doubled_area > 0) || std::abs(determinant) < 1e-20) return 0;
  double sum = 0;  // |dS/du|^2 + |dS/dv|^2
  for (int axis = 0; axis < 3; ++axis) {
    const double along_u = (v2 * e1[axis] - v1 * e2[axis]) / determinant;
    const double along_v = (u1 * e2[axis] - u2 * e1[axis]) / determinant;
    sum += along_u * along_u + along_v * along_v;
  }
  return sum / 2 * doubled_area / 2;
}

/// The mean stretch of all faces: 1 where every face keeps its shape and all have the same scale.
double mean_stretch(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv) {
  double area = 0, flat_area = 0, sum = 0;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    const auto& c = corner_uv[f];
    area += length(area_normal(surface, surface.faces[f])) / 2;
    flat_area += std::abs((double{c[1][0]} - c[0][0]) * (double{c[2][1]} - c[0][1]) -
                          (double{c[1][1]} - c[0][1]) * (double{c[2][0]} - c[0][0])) /
                 2;
    sum += squared_stretch(surface, surface.faces[f], c);
  }
  return area > 0 ? std::sqrt(sum / area) * std::sqrt(flat_area / area) : 0;
}

}  // namespace

Atlas unwrap(const Surface& surface, const AtlasSettings& settings, const Control& control) {
  control.step(0);
  check(surface);
  const std::vector<Chart> charts = make_charts(surface, control.part(0, 0.8));
  const Packing packing = pack_charts(charts, settings.gap, settings.wanted_coverage, control.part(0.8, 1));

  Atlas atlas;
  atlas.corner_uv.resize(surface.faces.size());
  atlas.chart_of_face.assign(surface.faces.size(), -1);
  std::vector<Float2> vertex_uv(surface.vertices.size(), Float2{0.5f, 0.5f});
  for (size_t c = 0; c < charts.size(); ++c) {
    for (size_t i = 0; i < charts[c].faces.size(); ++i) {
      const int32_t face = charts[c].faces[i];
      atlas.chart_of_face[face] = static_cast<int32_t>(c);
      for (int corner = 0; corner < 3; ++corner) {
        const Float2 uv = placed(packing, c, charts[c], charts[c].corner_uv[i][corner]);
        atlas.corner_uv[face][corner] = vertex_uv[surface.faces[face][corner]] = uv;
      }
    }
  }
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    if (atlas.chart_of_face[f] < 0) atlas.corner_uv[f].fill(vertex_uv[surface.faces[f][0]]);
  }
  atlas.report = {.charts = static_cast<int>(charts.size()),
                  .coverage = packing.coverage,
                  .mean_stretch = mean_stretch(surface, atlas.corner_uv),
                  .gap = packing.gap};
  control.step(1);
  return atlas;
}

}  // namespace relievo

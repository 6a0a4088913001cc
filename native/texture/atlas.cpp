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

double mean_stretch(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv) {
  Stretch stretch;
  for (size_t f = 0; f < surface.faces.size(); ++f) stretch.add(surface, surface.faces[f], corner_uv[f]);
  return stretch.mean();
}

}  // namespace

Atlas unwrap(const Surface& surface, const AtlasSettings& settings, const Control& control) {
  control.step(0);
  check(surface);
  const std::vector<Chart> charts = make_charts(surface, control.part(0, 0.8));
  const Packing packing =
      pack_charts(charts, settings.gap, settings.least_gap, settings.wanted_coverage, control.part(0.8, 1));

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

#include "finish/printability.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/parallel.h"
#include "base/vectors.h"
#include "kernels/rays.h"
#include "surface/surface.h"

namespace relievo {
namespace {

constexpr double kMillimetres = 1000;
constexpr float kOpposite = -0.5f;     // cosine of the angle between the two sides of a wall, at most
constexpr double kSteepest = 0.70711;  // sine of 45 degrees
constexpr double kOnBed = 0.2;         // millimetres; about a layer

float least_wall(const Surface& surface, float extent, const CancelToken& cancel) {
  const kernels::MeshTree tree =
      kernels::build_tree(surface.vertices.data()->data(), surface.faces.data()->data(),
                          static_cast<int64_t>(surface.faces.size()));
  const kernels::TreeView view{.nodes = tree.nodes.data(),
                               .order = tree.order.data(),
                               .faces = surface.faces.data()->data(),
                               .vertices = surface.vertices.data()->data()};
  std::atomic<float> least = std::numeric_limits<float>::infinity();
  parallel_for(static_cast<int64_t>(surface.faces.size()), 1024, [&](int64_t first, int64_t last) {
    cancel.check();
    float here = std::numeric_limits<float>::infinity();
    for (int64_t f = first; f < last; ++f) {
      const Float3 outward = unit(area_normal(surface, surface.faces[f]));
      if (length(outward) == 0) continue;
      Float3 middle{};
      for (const int32_t vertex : surface.faces[f]) {
        for (size_t axis = 0; axis < 3; ++axis) middle[axis] += surface.vertices[vertex][axis] / 3;
      }
      const Float3 inward = scaled(outward, -1);
      const kernels::RayHit hit = kernels::cast_ray(
          view, middle.data(), inward.data(), kernels::Facing::kBack, 1e-6f * extent, 2 * extent, false);
      if (hit.face < 0) continue;
      const Float3 other = unit(area_normal(surface, surface.faces[hit.face]));
      if (dot(other, outward) <= kOpposite) here = std::min(here, hit.distance);
    }
    for (float known = least; here < known && !least.compare_exchange_weak(known, here);) continue;
  });
  return std::isfinite(least) ? least.load() : 0;
}

}  // namespace

PrintReport print_report(const Surface& surface, const CancelToken& cancel) {
  const SurfaceReport report = inspect_surface(surface);
  PrintReport print{.closed = report.watertight && report.manifold, .pieces = report.components};
  if (surface.vertices.empty()) return print;
  Float3 low{INFINITY, INFINITY, INFINITY}, high{-INFINITY, -INFINITY, -INFINITY};
  for (const Float3& v : surface.vertices) {
    for (size_t axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], v[axis]);
      high[axis] = std::max(high[axis], v[axis]);
    }
  }
  for (size_t axis = 0; axis < 3; ++axis)
    print.size[axis] = static_cast<float>(kMillimetres * (high[axis] - low[axis]));
  double area = 0, over = 0;
  for (const Int3& face : surface.faces) {
    const Double3 normal = area_normal_in_double(surface, face);
    const double twice = length(normal);
    area += twice;
    if (normal[2] >= -kSteepest * twice) continue;
    const float top =
        std::max({surface.vertices[face[0]][2], surface.vertices[face[1]][2], surface.vertices[face[2]][2]});
    if ((top - low[2]) * kMillimetres > kOnBed) over += twice;
  }
  print.overhang = area > 0 ? over / area : 0;
  cancel.check();
  if (print.closed) {
    const float extent = std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]});
    print.least_wall = kMillimetres * least_wall(surface, extent, cancel);
  }
  return print;
}

std::vector<std::string> sentences_of(const PrintReport& report) {
  std::vector<std::string> sentences{fmt::format("It is {:.1f} x {:.1f} x {:.1f} mm large.", report.size[0],
                                                 report.size[1], report.size[2])};
  if (!report.closed) {
    sentences.emplace_back(
        "Its surface is not closed, so a printer does not know what is inside: fill the holes first.");
  }
  if (report.pieces > 1) {
    sentences.push_back(
        fmt::format("It has {} pieces, which would be printed loose: join or remove them.", report.pieces));
  }
  if (report.closed && report.least_wall < kThinWall) {
    sentences.push_back(fmt::format(
        "Its thinnest wall is {:.2f} mm, and less than {} mm may break: print it larger, or thicken it.",
        report.least_wall, kThinWall));
  } else if (report.closed) {
    sentences.push_back(fmt::format("Its thinnest wall is {:.1f} mm.", report.least_wall));
  }
  if (report.overhang > 0.01) {
    sentences.push_back(
        fmt::format("{:.0f} % of its surface hangs over by more than 45 degrees: print it with supports.",
                    100 * report.overhang));
  }
  if (report.is_printable()) sentences.emplace_back("It can be printed.");
  return sentences;
}

}  // namespace relievo

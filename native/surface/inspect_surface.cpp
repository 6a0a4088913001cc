#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "surface/disjoint_sets.h"
#include "surface/sides.h"
#include "surface/surface.h"
#include "surface/weld.h"

namespace relievo {
namespace {

bool has_repeated_vertex(const Int3& f) { return f[0] == f[1] || f[1] == f[2] || f[2] == f[0]; }

int count_roots(DisjointSets& sets, size_t count) {
  int roots = 0;
  for (int32_t i = 0; i < static_cast<int32_t>(count); ++i) roots += sets.root(i) == i;
  return roots;
}

/// Measures area and signed volume.
void measure(const Surface& surface, SurfaceReport& report) {
  for (const Int3& face : surface.faces) {
    const Float3 &a = surface.vertices[face[0]], &b = surface.vertices[face[1]],
                 &c = surface.vertices[face[2]];
    std::array<double, 3> u{}, v{}, cross{};
    for (int axis = 0; axis < 3; ++axis) {
      u[axis] = double{b[axis]} - a[axis];
      v[axis] = double{c[axis]} - a[axis];
    }
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3, k = (i + 2) % 3;
      cross[i] = u[j] * v[k] - u[k] * v[j];
      report.volume += a[i] * cross[i] / 6;
    }
    report.area += std::hypot(cross[0], cross[1], cross[2]) / 2;
  }
}

}  // namespace

SurfaceReport inspect_surface(const Surface& given) {
  check_indices(given);
  const Surface surface = welded(given);
  SurfaceReport report;
  const std::vector<Side> sides = sorted_sides(surface);
  const bool is_proper = std::ranges::none_of(surface.faces, has_repeated_vertex);
  report.watertight = is_proper && !surface.faces.empty();
  report.manifold = is_proper;
  // Components join faces that share an edge; fans join the corners at one vertex of faces that share an edge
  // there.
  DisjointSets components(surface.faces.size()), fans(sides.size());
  int edges = 0;
  for (size_t first = 0, last = 0; first < sides.size(); first = last) {
    while (last < sides.size() && sides[last].shares_edge_with(sides[first])) ++last;
    ++edges;
    const size_t count = last - first;
    report.watertight = report.watertight && count == 2;
    report.manifold =
        report.manifold && count <= 2 && (count < 2 || sides[first].runs_up != sides[first + 1].runs_up);
    for (size_t other = first + 1; other < last; ++other) {
      components.join(sides[first].corner / 3, sides[other].corner / 3);
      for (const bool low : {false, true})
        fans.join(corner_at_end(sides[first], low), corner_at_end(sides[other], low));
    }
  }
  std::vector<bool> is_used(surface.vertices.size());
  for (const Int3& face : surface.faces) {
    for (const int32_t vertex : face) is_used[vertex] = true;
  }
  const auto used = static_cast<int>(std::ranges::count(is_used, true));
  report.manifold = report.manifold && count_roots(fans, sides.size()) == used;
  report.components = count_roots(components, surface.faces.size());
  report.euler = used - edges + static_cast<int>(surface.faces.size());
  measure(surface, report);
  return report;
}

}  // namespace relievo

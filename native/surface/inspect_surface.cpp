#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "surface/disjoint_sets.h"
#include "surface/surface.h"

namespace relievo {
namespace {

/// One side of a triangle; corner c of face f has number 3 f + c, and its side runs to the next corner.
struct Side {
  int32_t low = 0;  ///< vertices at its ends
  int32_t high = 0;
  int32_t corner = 0;
  bool runs_up = false;  ///< from low to high
};

int32_t next_corner(int32_t corner) { return corner % 3 == 2 ? corner - 2 : corner + 1; }

int32_t vertex_of(const Surface& surface, int32_t corner) { return surface.faces[corner / 3][corner % 3]; }

/// All sides, those of one edge together.
std::vector<Side> sorted_sides(const Surface& surface) {
  std::vector<Side> sides(surface.faces.size() * 3);
  for (int32_t corner = 0; corner < std::ssize(sides); ++corner) {
    const int32_t begin = vertex_of(surface, corner), end = vertex_of(surface, next_corner(corner));
    sides[corner] = {std::min(begin, end), std::max(begin, end), corner, begin < end};
  }
  std::sort(sides.begin(), sides.end(), [](const Side& a, const Side& b) {
    return std::tie(a.low, a.high, a.corner) < std::tie(b.low, b.high, b.corner);
  });
  return sides;
}

void check_indices(const Surface& surface) {
  for (const Int3& face : surface.faces) {
    for (const int32_t vertex : face) {
      if (vertex < 0 || vertex >= std::ssize(surface.vertices)) {
        throw Error(ErrorCode::kInternal,
                    fmt::format("A face names vertex {} of {}.", vertex, surface.vertices.size()));
      }
    }
  }
}

bool has_repeated_vertex(const Int3& f) { return f[0] == f[1] || f[1] == f[2] || f[2] == f[0]; }

int count_roots(DisjointSets& sets, size_t count) {
  int roots = 0;
  for (int32_t i = 0; i < static_cast<int32_t>(count); ++i) roots += sets.root(i) == i;
  return roots;
}

/// Area and signed volume.
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

SurfaceReport inspect_surface(const Surface& surface) {
  check_indices(surface);
  SurfaceReport report;
  const std::vector<Side> sides = sorted_sides(surface);
  const bool is_proper = std::ranges::none_of(surface.faces, has_repeated_vertex);
  report.watertight = is_proper && !surface.faces.empty();
  report.manifold = is_proper;
  // Faces that share an edge; corners at one vertex of faces that share an edge there.
  DisjointSets pieces(surface.faces.size()), fans(sides.size());
  int edges = 0;
  for (size_t first = 0, last = 0; first < sides.size(); first = last) {
    while (last < sides.size() && sides[last].low == sides[first].low &&
           sides[last].high == sides[first].high)
      ++last;
    ++edges;
    const size_t count = last - first;
    report.watertight = report.watertight && count == 2;
    report.manifold =
        report.manifold && count <= 2 && (count < 2 || sides[first].runs_up != sides[first + 1].runs_up);
    const auto corner_at = [&](size_t side, bool low) {
      return sides[side].runs_up == low ? sides[side].corner : next_corner(sides[side].corner);
    };
    for (size_t other = first + 1; other < last; ++other) {
      pieces.join(sides[first].corner / 3, sides[other].corner / 3);
      for (const bool low : {false, true}) fans.join(corner_at(first, low), corner_at(other, low));
    }
  }
  std::vector<bool> is_used(surface.vertices.size());
  for (const Int3& face : surface.faces) {
    for (const int32_t vertex : face) is_used[vertex] = true;
  }
  const auto used = static_cast<int>(std::ranges::count(is_used, true));
  report.manifold = report.manifold && count_roots(fans, sides.size()) == used;
  report.components = count_roots(pieces, surface.faces.size());
  report.euler = used - edges + static_cast<int>(surface.faces.size());
  measure(surface, report);
  return report;
}

}  // namespace relievo

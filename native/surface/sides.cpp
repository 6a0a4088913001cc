#include "surface/sides.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"

namespace relievo {

std::vector<Side> sorted_sides(const Surface& surface) {
  const auto corners = static_cast<int32_t>(surface.faces.size() * 3);
  // Sides are distributed to buckets by their lower vertex; the few in a bucket are then sorted.
  std::vector<int32_t> starts(surface.vertices.size() + 2, 0);
  const auto lower_end = [&](int32_t corner) {
    return std::min(vertex_at(surface, corner), vertex_at(surface, next_corner(corner)));
  };
  for (int32_t corner = 0; corner < corners; ++corner) ++starts[lower_end(corner) + 2];
  for (size_t v = 2; v < starts.size(); ++v) starts[v] += starts[v - 1];
  std::vector<Side> sides(corners);
  for (int32_t corner = 0; corner < corners; ++corner) {
    const int32_t begin = vertex_at(surface, corner), end = vertex_at(surface, next_corner(corner));
    const int32_t low = std::min(begin, end);
    sides[starts[low + 1]++] = {low, std::max(begin, end), corner, begin < end};
  }
  constexpr int64_t kGrain = 8192;
  parallel_for(std::ssize(surface.vertices), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t v = first; v < last; ++v) {
      std::sort(sides.begin() + starts[v], sides.begin() + starts[v + 1], [](const Side& a, const Side& b) {
        return std::tie(a.high, a.corner) < std::tie(b.high, b.corner);
      });
    }
  });
  return sides;
}

void check_indices(const Surface& surface) {
  if (surface.faces.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 3)) {
    throw Error(ErrorCode::kInternal, "The surface has too many faces.", "Choose a smaller grid.");
  }
  for (const Int3& face : surface.faces) {
    for (const int32_t vertex : face) {
      if (vertex < 0 || vertex >= std::ssize(surface.vertices)) {
        throw Error(ErrorCode::kInternal,
                    fmt::format("A face names vertex {} of {}.", vertex, surface.vertices.size()));
      }
    }
  }
}

}  // namespace relievo

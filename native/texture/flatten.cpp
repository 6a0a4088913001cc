#include "texture/flatten.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "texture/border.h"
#include "texture/patch.h"

namespace relievo {
namespace {

// A chart that is stretched more needs more cuts.
constexpr double kMostStretch = 1.05;
// A chart that fills less of its box than this is cut, unless it is this short in parts of the longest.
constexpr double kLeastFill = 0.6, kSmall = 0.25;
// Fewer faces are not cut again.
constexpr size_t kFewFaces = 16;

Chart chart_of(const Patch& patch, const Plane& plane) {
  Chart chart{.faces = patch.numbers, .corner_uv = {}};
  chart.corner_uv.resize(patch.faces.size());
  for (size_t f = 0; f < patch.faces.size(); ++f) {
    for (int c = 0; c < 3; ++c) {
      const Double2& at = plane[patch.faces[f][c]];
      chart.corner_uv[f][c] = {static_cast<float>(at[0]), static_cast<float>(at[1])};
    }
  }
  normalise(chart, patch.surface);
  return chart;
}

/// Returns whether the chart can be used: rounding may turn over what is hardly wider than a line.
bool is_good(const Chart& chart, const Surface& surface) {
  Stretch stretch;
  for (size_t i = 0; i < chart.faces.size(); ++i) {
    if (!(uv_area(chart.corner_uv[i]) > 0)) return false;
    stretch.add(surface, surface.faces[chart.faces[i]], chart.corner_uv[i]);
  }
  return stretch.mean() <= kMostStretch;
}

/// The lengths of the box around the points along the axes, and where it begins.
struct Box {
  Double2 low{1e30, 1e30}, high{-1e30, -1e30};

  explicit Box(const Plane& plane) {
    for (const Double2& p : plane) {
      for (int axis = 0; axis < 2; ++axis) {
        low[axis] = std::min(low[axis], p[axis]);
        high[axis] = std::max(high[axis], p[axis]);
      }
    }
  }
  double length(int axis) const { return high[axis] - low[axis]; }
  int longer() const { return length(0) >= length(1) ? 0 : 1; }
};

/// Cuts a patch across its longer side where it is narrow, about in the middle. The result is connected
/// parts, as numbers of the surface's faces, ascending.
std::vector<std::vector<int32_t>> cut_in_two(const Patch& patch, const Plane& plane,
                                             const std::vector<Int3>& neighbours) {
  const Box box(plane);
  const int axis = box.longer();
  constexpr int kPlaces = 32;  // along the box, where it may be cut
  const auto middle = [&](const Int3& face) {
    const double sum = plane[face[0]][axis] + plane[face[1]][axis] + plane[face[2]][axis];
    return (sum / 3 - box.low[axis]) / std::max(box.length(axis), 1e-30) * kPlaces;
  };
  std::array<double, kPlaces + 1> width{};
  for (const Int3& face : patch.faces)
    width[static_cast<size_t>(middle(face))] += std::abs(area_in(plane, face));
  int place = kPlaces / 2;
  for (int i = kPlaces * 3 / 8; i <= kPlaces * 5 / 8; ++i) {
    if (width[i] < width[place]) place = i;
  }
  std::vector<int8_t> half(patch.faces.size());
  for (size_t f = 0; f < half.size(); ++f) half[f] = middle(patch.faces[f]) < place + 0.5 ? 0 : 1;

  const auto parts_of_halves = [&] {
    std::vector<std::vector<int32_t>> parts;  // faces of the patch
    std::vector<bool> seen(half.size(), false);
    for (size_t first = 0; first < half.size(); ++first) {
      if (seen[first]) continue;
      seen[first] = true;
      std::vector<int32_t>& part = parts.emplace_back(1, static_cast<int32_t>(first));
      for (size_t next = 0; next < part.size(); ++next) {
        for (const int32_t n : neighbours[patch.numbers[part[next]]]) {
          const auto found = std::ranges::lower_bound(patch.numbers, n);
          if (found == patch.numbers.end() || *found != n) continue;
          const auto f = static_cast<int32_t>(found - patch.numbers.begin());
          if (seen[f] || half[f] != half[first]) continue;
          seen[f] = true;
          part.push_back(f);
        }
      }
    }
    return parts;
  };
  // What the cut takes off in crumbs stays with the other half.
  constexpr size_t kCrumb = 20;  // of so many, one face
  for (const std::vector<int32_t>& part : parts_of_halves()) {
    if (part.size() * kCrumb > half.size()) continue;
    for (const int32_t f : part) half[f] = static_cast<int8_t>(1 - half[f]);
  }
  std::vector<std::vector<int32_t>> parts = parts_of_halves();
  for (std::vector<int32_t>& part : parts) {
    for (int32_t& f : part) f = patch.numbers[f];
    std::ranges::sort(part);
  }
  return parts;
}

/// The places of a patch that is a part of another.
Plane taken_over(const Patch& part, const Patch& whole, const Plane& plane) {
  Plane result(part.vertices.size());
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = plane[std::ranges::lower_bound(whole.vertices, part.vertices[i]) - whole.vertices.begin()];
  }
  return result;
}

/// Adds the patch, which lies flat, to the charts, cut where it is too long.
void add_charts(const Patch& patch, Plane plane, const std::vector<Int3>& neighbours, float longest,
                Flattened& result) {
  const auto border = border_of(patch);
  turn_into_small_box(*border, plane);
  const Box box(plane);
  double area = 0;
  for (const Int3& face : patch.faces) area += area_in(plane, face);
  const double length = box.length(box.longer());
  const bool is_hollow = length > kSmall * longest && area < kLeastFill * box.length(0) * box.length(1);
  if ((length > longest || is_hollow) && patch.faces.size() > kFewFaces) {
    const auto parts = cut_in_two(patch, plane, neighbours);
    if (parts.size() > 1) {
      for (const std::vector<int32_t>& part : parts) {
        const Patch smaller(patch.surface, part);
        add_charts(smaller, taken_over(smaller, patch, plane), neighbours, longest, result);
      }
      return;
    }
  }
  Chart chart = chart_of(patch, plane);
  if (is_good(chart, patch.surface))
    result.charts.push_back(std::move(chart));
  else
    result.rest.insert(result.rest.end(), patch.numbers.begin(), patch.numbers.end());
}

void flatten_into(const Surface& surface, const std::vector<Int3>& neighbours, const Region& region,
                  float longest, Flattened& result) {
  const Patch patch(surface, region.faces);
  const Plane seen = projected(patch, region.direction);
  Plane plane = seen;
  const auto border = border_of(patch);
  if (border) even_out(patch, plane);
  if (border && is_one_to_one(patch, *border, plane)) {
    add_charts(patch, std::move(plane), neighbours, longest, result);
    return;
  }
  const auto parts = patch.faces.size() > kFewFaces ? cut_in_two(patch, seen, neighbours)
                                                    : std::vector<std::vector<int32_t>>();
  if (parts.size() < 2) {
    result.rest.insert(result.rest.end(), region.faces.begin(), region.faces.end());
    return;
  }
  for (const std::vector<int32_t>& part : parts) {
    flatten_into(surface, neighbours, {part, region.direction}, longest, result);
  }
}

}  // namespace

Flattened flatten(const Surface& surface, const std::vector<Int3>& neighbours, const Region& region,
                  float longest) {
  Flattened result;
  flatten_into(surface, neighbours, region, longest, result);
  return result;
}

}  // namespace relievo

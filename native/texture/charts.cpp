#include "texture/charts.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/parallel.h"
#include "base/vectors.h"
#include "texture/flatten.h"
#include "texture/grown_charts.h"
#include "texture/parts.h"
#include "texture/regions.h"

namespace relievo {

namespace {

// Longer charts, in parts of the side of a square of the surface's area, would leave gaps when they are
// packed.
constexpr double kLongest = 0.4;

double area_of(const Surface& surface) {
  double area = 0;
  for (const Int3& face : surface.faces) area += length(area_normal(surface, face)) / 2;
  return area;
}

}  // namespace

std::vector<Chart> make_charts(const Surface& surface, const Control& control) {
  control.step(0);
  const std::vector<Int3> neighbours = neighbours_of(surface.faces);
  const std::vector<Region> regions = divide_by_direction(surface, neighbours, control.cancel);
  control.step(0.3);
  const auto longest = static_cast<float>(kLongest * std::sqrt(area_of(surface)));
  std::vector<Flattened> flattened(regions.size());
  parallel_for(static_cast<int64_t>(regions.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (!control.cancel.cancelled()) flattened[i] = flatten(surface, neighbours, regions[i], longest);
    }
  });
  control.step(0.5);
  std::vector<Chart> charts;
  std::vector<int32_t> rest;  // faces
  for (Flattened& one : flattened) {
    std::ranges::move(one.charts, std::back_inserter(charts));
    std::ranges::copy(one.rest, std::back_inserter(rest));
  }
  if (rest.empty()) return charts;
  Surface others{surface.vertices, {}};
  for (const int32_t f : rest) others.faces.push_back(surface.faces[f]);
  for (Chart& chart : grow_charts(others, control.part(0.5, 1))) {
    for (int32_t& face : chart.faces) face = rest[face];
    charts.push_back(std::move(chart));
  }
  return charts;
}

}  // namespace relievo

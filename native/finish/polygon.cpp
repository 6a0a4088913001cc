#include "finish/polygon.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace relievo {
namespace {

using Loop = std::vector<int32_t>;
using Points = std::vector<Double2>;

double turn(const Double2& a, const Double2& b, const Double2& c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

double area_of(const Points& points, const Loop& loop) {
  double sum = 0;
  for (size_t i = 0; i < loop.size(); ++i) {
    const Double2 &a = points[loop[i]], &b = points[loop[(i + 1) % loop.size()]];
    sum += a[0] * b[1] - a[1] * b[0];
  }
  return sum / 2;
}

bool is_inside(const Points& points, const Loop& loop, const Double2& p) {
  bool inside = false;
  for (size_t i = 0, j = loop.size() - 1; i < loop.size(); j = i++) {
    const Double2 &a = points[loop[i]], &b = points[loop[j]];
    if ((a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0])
      inside = !inside;
  }
  return inside;
}

bool is_in_triangle(const Double2& p, const Double2& a, const Double2& b, const Double2& c) {
  return turn(a, b, p) >= 0 && turn(b, c, p) >= 0 && turn(c, a, p) >= 0;
}

/// Joins a hole to its outline by a bridge from the hole's rightmost point to a point of the outline that it
/// sees.
void join(const Points& points, Loop& outline, const Loop& hole) {
  const auto rightmost = static_cast<size_t>(
      std::ranges::max_element(hole, {}, [&](int32_t v) { return points[v][0]; }) - hole.begin());
  const Double2 from = points[hole[rightmost]];
  // The edge of the outline that lies nearest on the right, and its end that lies farther right.
  double nearest = std::numeric_limits<double>::infinity();
  size_t seen = outline.size();
  for (size_t i = 0; i < outline.size(); ++i) {
    const size_t next = (i + 1) % outline.size();
    const Double2 &a = points[outline[i]], &b = points[outline[next]];
    if ((a[1] <= from[1]) == (b[1] <= from[1])) continue;
    const double x = a[0] + (b[0] - a[0]) * (from[1] - a[1]) / (b[1] - a[1]);
    if (x < from[0] || x >= nearest) continue;
    nearest = x;
    seen = a[0] > b[0] ? i : next;
  }
  if (seen == outline.size()) return;  // it lies outside, and its area is none of the outline's
  // A reflex point within the triangle of both and the place on the edge may hide that end: the one whose
  // direction differs least is seen.
  const Double2 on_edge{nearest, from[1]}, end = points[outline[seen]];
  double least = std::numeric_limits<double>::infinity();
  size_t best = seen;
  for (size_t i = 0; i < outline.size(); ++i) {
    const Double2& p = points[outline[i]];
    const Double2 &before = points[outline[(i + outline.size() - 1) % outline.size()]],
                  &after = points[outline[(i + 1) % outline.size()]];
    if (outline[i] == outline[seen] || turn(before, p, after) > 0 || p[0] < from[0]) continue;
    const bool within =
        end[1] > from[1] ? is_in_triangle(p, from, on_edge, end) : is_in_triangle(p, from, end, on_edge);
    if (!within) continue;
    const double slope = std::abs(p[1] - from[1]) / std::max(p[0] - from[0], 1e-300);
    if (slope < least) {
      least = slope;
      best = i;
    }
  }
  Loop bridge;
  for (size_t i = 0; i <= hole.size(); ++i) bridge.push_back(hole[(rightmost + i) % hole.size()]);
  bridge.push_back(outline[best]);
  outline.insert(outline.begin() + static_cast<ptrdiff_t>(best) + 1, bridge.begin(), bridge.end());
}

/// Cuts off ears until a triangle is left.
void clip_ears(const Points& points, Loop loop, std::vector<Int3>& triangles, const CancelToken& cancel) {
  const auto corner = [&](size_t i) { return points[loop[i % loop.size()]]; };
  const auto is_ear = [&](size_t i) {
    const size_t before = i + loop.size() - 1;
    const Double2 a = corner(before), b = corner(i), c = corner(i + 1);
    if (!(turn(a, b, c) > 0)) return false;
    for (size_t k = i + 2; k < before; ++k) {
      const Double2 p = corner(k);
      const bool is_end = p == a || p == b || p == c;
      if (!is_end && is_in_triangle(p, a, b, c)) return false;
    }
    return true;
  };
  size_t i = 0, tried = 0;
  while (loop.size() > 3) {
    cancel.check();
    // Where rounding leaves no ear, any corner is cut off, so that it comes to an end.
    if (!is_ear(i) && tried++ < loop.size()) {
      i = (i + 1) % loop.size();
      continue;
    }
    triangles.push_back({loop[(i + loop.size() - 1) % loop.size()], loop[i], loop[(i + 1) % loop.size()]});
    loop.erase(loop.begin() + static_cast<ptrdiff_t>(i));
    i %= loop.size();
    tried = 0;
  }
  if (loop.size() == 3) triangles.push_back({loop[0], loop[1], loop[2]});
}

}  // namespace

std::vector<Int3> triangulate(const Points& points, std::vector<Loop> loops, const CancelToken& cancel) {
  std::vector<Loop> outlines, holes;
  for (Loop& loop : loops) (area_of(points, loop) > 0 ? outlines : holes).push_back(std::move(loop));
  std::vector<std::vector<Loop>> of_outline(outlines.size());
  for (Loop& hole : holes) {
    size_t smallest = outlines.size();
    for (size_t i = 0; i < outlines.size(); ++i) {
      if (!is_inside(points, outlines[i], points[hole[0]])) continue;
      if (smallest == outlines.size() || area_of(points, outlines[i]) < area_of(points, outlines[smallest]))
        smallest = i;
    }
    if (smallest < outlines.size()) of_outline[smallest].push_back(std::move(hole));
  }
  std::vector<Int3> triangles;
  for (size_t i = 0; i < outlines.size(); ++i) {
    const auto rightmost = [&](const Loop& hole) {
      double x = -std::numeric_limits<double>::infinity();
      for (const int32_t v : hole) x = std::max(x, points[v][0]);
      return x;
    };
    std::ranges::sort(of_outline[i], std::ranges::greater(), rightmost);
    for (const Loop& hole : of_outline[i]) join(points, outlines[i], hole);
    clip_ears(points, std::move(outlines[i]), triangles, cancel);
  }
  return triangles;
}

}  // namespace relievo

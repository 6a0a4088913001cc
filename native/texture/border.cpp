#include "texture/border.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>
#include <unordered_map>

namespace relievo {
namespace {

/// Returns whether around some vertex the faces make more than one turn.
bool winds_twice(const Patch& patch, const Plane& plane) {
  std::vector<double> angle(plane.size(), 0);
  for (const Int3& face : patch.faces) {
    for (int c = 0; c < 3; ++c) {
      const Double2 a = minus(plane[face[(c + 1) % 3]], plane[face[c]]);
      const Double2 b = minus(plane[face[(c + 2) % 3]], plane[face[c]]);
      angle[face[c]] += std::atan2(wedge(a, b), a[0] * b[0] + a[1] * b[1]);
    }
  }
  return std::ranges::any_of(angle, [](double sum) { return sum > 2 * std::numbers::pi + 1e-6; });
}

/// Returns whether two edges of the border cross or touch that have no vertex in common.
bool crosses_itself(const std::vector<BorderEdge>& border, const Plane& plane) {
  Double2 low{1e30, 1e30}, high{-1e30, -1e30};
  double sum = 0;
  for (const BorderEdge& edge : border) {
    for (int axis = 0; axis < 2; ++axis) {
      low[axis] = std::min(low[axis], plane[edge.from][axis]);
      high[axis] = std::max(high[axis], plane[edge.from][axis]);
    }
    const Double2 along = minus(plane[edge.to], plane[edge.from]);
    sum += std::hypot(along[0], along[1]);
  }
  const double cell = std::max({2 * sum / static_cast<double>(border.size()), (high[0] - low[0]) / 1000,
                                (high[1] - low[1]) / 1000, 1e-12});
  const auto cell_of = [&](double value, int axis) {
    return static_cast<int64_t>((value - low[axis]) / cell);
  };
  std::unordered_map<int64_t, std::vector<int32_t>> edges_in;
  // On which side of a -> b a point lies; 0 where it is on the line.
  const auto side = [](const Double2& a, const Double2& b, const Double2& p) {
    const double value = wedge(minus(b, a), minus(p, a));
    return value > 0 ? 1 : value < 0 ? -1 : 0;
  };
  for (size_t i = 0; i < border.size(); ++i) {
    const BorderEdge& edge = border[i];
    const Double2 &a = plane[edge.from], &b = plane[edge.to];
    for (int64_t y = cell_of(std::min(a[1], b[1]), 1); y <= cell_of(std::max(a[1], b[1]), 1); ++y) {
      for (int64_t x = cell_of(std::min(a[0], b[0]), 0); x <= cell_of(std::max(a[0], b[0]), 0); ++x) {
        std::vector<int32_t>& here = edges_in[y * 4096 + x];
        for (const int32_t j : here) {
          const BorderEdge& other = border[j];
          if (other.from == edge.from || other.from == edge.to || other.to == edge.from ||
              other.to == edge.to) {
            continue;
          }
          const Double2 &c = plane[other.from], &d = plane[other.to];
          // Edges of one straight line are apart where their boxes are.
          const auto is_apart = [&](int axis) {
            return std::max(a[axis], b[axis]) < std::min(c[axis], d[axis]) ||
                   std::max(c[axis], d[axis]) < std::min(a[axis], b[axis]);
          };
          if (is_apart(0) || is_apart(1)) continue;
          if (side(a, b, c) * side(a, b, d) <= 0 && side(c, d, a) * side(c, d, b) <= 0) return true;
        }
        here.push_back(static_cast<int32_t>(i));
      }
    }
  }
  return false;
}

/// Counts the loops of the border that run counter-clockwise: the outlines of what does not hang together.
int outlines_in(const std::vector<BorderEdge>& border, const Plane& plane) {
  std::unordered_multimap<int32_t, size_t> from;
  for (size_t i = 0; i < border.size(); ++i) from.emplace(border[i].from, i);
  int outlines = 0;
  while (!from.empty()) {
    auto next = from.begin();
    const int32_t first = next->first;
    double area = 0;
    while (next != from.end()) {
      const BorderEdge edge = border[next->second];
      from.erase(next);
      area += wedge(plane[edge.from], plane[edge.to]);
      if (edge.to == first) break;
      next = from.find(edge.to);
    }
    outlines += area > 0;
  }
  return outlines;
}

}  // namespace

std::optional<std::vector<BorderEdge>> border_of(const Patch& patch) {
  struct Half {
    int32_t low, high;
    bool is_forward;
  };
  std::vector<Half> halves;
  halves.reserve(3 * patch.faces.size());
  for (const Int3& face : patch.faces) {
    for (int c = 0; c < 3; ++c) {
      const int32_t a = face[c], b = face[(c + 1) % 3];
      halves.push_back({std::min(a, b), std::max(a, b), a < b});
    }
  }
  std::ranges::sort(halves, {},
                    [](const Half& half) { return std::tuple(half.low, half.high, half.is_forward); });
  std::vector<BorderEdge> border;
  for (size_t i = 0; i < halves.size();) {
    size_t end = i + 1;
    while (end < halves.size() && halves[end].low == halves[i].low && halves[end].high == halves[i].high)
      ++end;
    if (end - i > 2 || (end - i == 2 && halves[i].is_forward == halves[i + 1].is_forward)) return {};
    if (end - i == 1) {
      const Half& half = halves[i];
      border.push_back(half.is_forward ? BorderEdge{half.low, half.high} : BorderEdge{half.high, half.low});
    }
    i = end;
  }
  return border;
}

bool is_one_to_one(const Patch& patch, const std::vector<BorderEdge>& border, const Plane& plane) {
  for (const Int3& face : patch.faces) {
    if (!(area_in(plane, face) > 0)) return false;
  }
  return !border.empty() && !winds_twice(patch, plane) && !crosses_itself(border, plane) &&
         outlines_in(border, plane) == 1;
}

void turn_into_small_box(const std::vector<BorderEdge>& border, Plane& plane) {
  constexpr int kAngles = 45;  // of a quarter turn
  const auto turned = [](const Double2& p, double angle) {
    const double cosine = std::cos(angle), sine = std::sin(angle);
    return Double2{cosine * p[0] - sine * p[1], sine * p[0] + cosine * p[1]};
  };
  double best_angle = 0, smallest = 1e300;
  for (int i = 0; i < kAngles; ++i) {
    const double angle = std::numbers::pi / 2 * i / kAngles;
    const double cosine = std::cos(angle), sine = std::sin(angle);
    Double2 low{1e30, 1e30}, high{-1e30, -1e30};
    for (const BorderEdge& edge : border) {
      const Double2& p = plane[edge.from];
      const Double2 at{cosine * p[0] - sine * p[1], sine * p[0] + cosine * p[1]};
      for (int axis = 0; axis < 2; ++axis) {
        low[axis] = std::min(low[axis], at[axis]);
        high[axis] = std::max(high[axis], at[axis]);
      }
    }
    const double area = (high[0] - low[0]) * (high[1] - low[1]);
    if (area >= smallest) continue;
    smallest = area;
    best_angle = angle;
  }
  for (Double2& p : plane) p = turned(p, best_angle);
}

}  // namespace relievo

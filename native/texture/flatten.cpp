#include "texture/flatten.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <tuple>
#include <unordered_map>

#include <Eigen/Sparse>
#include <Eigen/SparseCholesky>

#include "base/vectors.h"

namespace relievo {
namespace {

constexpr int kRounds = 6;  // of evening out
// A chart that is stretched more needs more cuts.
constexpr double kMostStretch = 1.05;
// A chart that fills less of its box than this is cut, unless it is this short in parts of the longest.
constexpr double kLeastFill = 0.6, kSmall = 0.25;
// Fewer faces are not cut again.
constexpr size_t kFewFaces = 16;

using Double2 = std::array<double, 2>;

/// The region as a mesh of its own.
struct Patch {
  const Surface& surface;
  const std::vector<int32_t>& numbers;  // of the faces
  std::vector<int32_t> vertices;        // of the surface, ascending
  std::vector<Int3> faces;              // of the patch's vertices

  Patch(const Surface& surface_, const std::vector<int32_t>& numbers_)
      : surface(surface_), numbers(numbers_), faces(numbers_.size()) {
    vertices.reserve(3 * numbers.size());
    for (const int32_t f : numbers) {
      for (const int32_t v : surface.faces[f]) vertices.push_back(v);
    }
    std::ranges::sort(vertices);
    vertices.erase(std::ranges::unique(vertices).begin(), vertices.end());
    for (size_t f = 0; f < numbers.size(); ++f) {
      for (int c = 0; c < 3; ++c) {
        faces[f][c] = static_cast<int32_t>(std::ranges::lower_bound(vertices, surface.faces[numbers[f]][c]) -
                                           vertices.begin());
      }
    }
  }
};

using Plane = std::vector<Double2>;  // a place for each vertex of a patch

double wedge(const Double2& a, const Double2& b) { return a[0] * b[1] - a[1] * b[0]; }
Double2 minus(const Double2& a, const Double2& b) { return {a[0] - b[0], a[1] - b[1]}; }

double area_in(const Plane& plane, const Int3& face) {
  return wedge(minus(plane[face[1]], plane[face[0]]), minus(plane[face[2]], plane[face[0]])) / 2;
}

Plane projected(const Patch& patch, const Float3& direction) {
  // Any two axes across the direction do that turn with it counter-clockwise.
  const Float3 beside = std::abs(direction[2]) < 0.7f ? Float3{0, 0, 1} : Float3{1, 0, 0};
  const Float3 u = unit(cross(beside, direction)), v = cross(direction, u);
  Plane plane(patch.vertices.size());
  for (size_t i = 0; i < plane.size(); ++i) {
    const Float3& at = patch.surface.vertices[patch.vertices[i]];
    plane[i] = {dot(at, u), dot(at, v)};
  }
  return plane;
}

/// A face laid out by itself: its corners relative to the first, and the cotangents of its angles.
struct Flat {
  std::array<Double2, 3> corner;
  std::array<double, 3> cotangent;
};

std::vector<Flat> laid_out(const Patch& patch) {
  std::vector<Flat> flat(patch.faces.size());
  for (size_t f = 0; f < flat.size(); ++f) {
    const Int3& face = patch.surface.faces[patch.numbers[f]];
    const auto edge = [&](int from, int to) {
      return minus_in_double(patch.surface.vertices[face[to]], patch.surface.vertices[face[from]]);
    };
    const Double3 along = edge(0, 1), other = edge(0, 2);
    const double base = std::max(length(along), 1e-12);
    const double doubled_area = std::max(length(cross(along, other)), 1e-16);
    flat[f].corner = {Double2{0, 0}, Double2{base, 0},
                      Double2{dot(along, other) / base, doubled_area / base}};
    for (int c = 0; c < 3; ++c) {
      flat[f].cotangent[c] = dot(edge(c, (c + 1) % 3), edge(c, (c + 2) % 3)) / doubled_area;
    }
  }
  return flat;
}

/// Brings every face nearer to its own shape: turns each as it lies in the plane, then moves the vertices to
/// where their faces want them, by least squares.
void even_out(const Patch& patch, Plane& plane) {
  const std::vector<Flat> flat = laid_out(patch);
  const auto count = static_cast<int>(plane.size());
  if (count < 4) return;
  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(patch.faces.size() * 12);
  for (size_t f = 0; f < flat.size(); ++f) {
    for (int c = 0; c < 3; ++c) {
      const int a = patch.faces[f][(c + 1) % 3], b = patch.faces[f][(c + 2) % 3];
      const double weight = flat[f].cotangent[c];
      entries.emplace_back(a, a, weight);
      entries.emplace_back(b, b, weight);
      if (a > b)
        entries.emplace_back(a, b, -weight);
      else
        entries.emplace_back(b, a, -weight);
    }
  }
  entries.emplace_back(0, 0, 1);  // the first vertex stays
  Eigen::SparseMatrix<double> matrix(count, count);
  matrix.setFromTriplets(entries.begin(), entries.end());
  const Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> factors(matrix);
  if (factors.info() != Eigen::Success) return;
  Eigen::MatrixX2d wanted(count, 2);
  for (int round = 0; round < kRounds; ++round) {
    wanted.setZero();
    wanted(0, 0) = plane[0][0];
    wanted(0, 1) = plane[0][1];
    for (size_t f = 0; f < flat.size(); ++f) {
      const Int3& face = patch.faces[f];
      double along = 0, across = 0;
      std::array<Double2, 3> edges;
      std::array<double, 3> weights;
      for (int c = 0; c < 3; ++c) {
        const int a = (c + 1) % 3, b = (c + 2) % 3;
        weights[c] = flat[f].cotangent[c];
        edges[c] = minus(flat[f].corner[b], flat[f].corner[a]);
        const Double2 here = minus(plane[face[b]], plane[face[a]]);
        along += weights[c] * (edges[c][0] * here[0] + edges[c][1] * here[1]);
        across += weights[c] * wedge(edges[c], here);
      }
      const double size = std::hypot(along, across);
      const double cosine = size > 0 ? along / size : 1, sine = size > 0 ? across / size : 0;
      for (int c = 0; c < 3; ++c) {
        const double x = weights[c] * (cosine * edges[c][0] - sine * edges[c][1]);
        const double y = weights[c] * (sine * edges[c][0] + cosine * edges[c][1]);
        const int a = face[(c + 1) % 3], b = face[(c + 2) % 3];
        wanted(a, 0) -= x;
        wanted(a, 1) -= y;
        wanted(b, 0) += x;
        wanted(b, 1) += y;
      }
    }
    const Eigen::MatrixX2d solution = factors.solve(wanted);
    for (int i = 0; i < count; ++i) plane[i] = {solution(i, 0), solution(i, 1)};
  }
}

/// An edge of one face alone, in the face's direction.
struct BorderEdge {
  int32_t from, to;  // vertices of the patch
};

/// Finds the patch's border; nothing where an edge has more than two faces or two that turn against each
/// other.
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

/// Returns whether each point of the plane has one place on the patch at most. No face is turned over, so the
/// number of places changes at the border alone; it is 1 everywhere where the border is an outline and holes
/// in it that do not cross.
bool is_one_to_one(const Patch& patch, const std::vector<BorderEdge>& border, const Plane& plane) {
  for (const Int3& face : patch.faces) {
    if (!(area_in(plane, face) > 0)) return false;
  }
  return !border.empty() && !winds_twice(patch, plane) && !crosses_itself(border, plane) &&
         outlines_in(border, plane) == 1;
}

/// Turns the plane so that the border's box is as small as it gets.
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

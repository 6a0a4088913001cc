#include "surface/clean_surface.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "surface/disjoint_sets.h"

namespace relievo {
namespace {

/// One side of a face, from corner 3 f + k to the face's next corner.
struct Side {
  int32_t low = 0;
  int32_t high = 0;
  int32_t corner = 0;
  bool runs_up = false;
};

using Double3 = std::array<double, 3>;

Double3 minus(const Float3& a, const Float3& b) {
  return {double{a[0]} - b[0], double{a[1]} - b[1], double{a[2]} - b[2]};
}
Double3 cross(const Double3& a, const Double3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
double dot(const Double3& a, const Double3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

int32_t next_corner(int32_t corner) { return corner % 3 == 2 ? corner - 2 : corner + 1; }

void check(const Surface& surface) {
  for (const Float3& v : surface.vertices) {
    if (!std::isfinite(v[0]) || !std::isfinite(v[1]) || !std::isfinite(v[2])) {
      throw Error(ErrorCode::kInternal, "The surface has coordinates that are not finite.",
                  "The model's weights may be damaged: verify its files.");
    }
  }
  for (const Int3& face : surface.faces) {
    for (const int32_t v : face) {
      if (v < 0 || v >= std::ssize(surface.vertices)) {
        throw Error(ErrorCode::kInternal,
                    fmt::format("A face names vertex {} of {}.", v, surface.vertices.size()));
      }
    }
  }
}

/// Joins the ends of sides without length and drops the faces that vanish with them; closed stays closed,
/// because the face behind such a side vanishes too.
void drop_degenerate(Surface& surface) {
  DisjointSets same(surface.vertices.size());
  for (const Int3& face : surface.faces) {
    for (int k = 0; k < 3; ++k) {
      const int32_t a = face[k], b = face[(k + 1) % 3];
      if (surface.vertices[a] == surface.vertices[b]) same.join(a, b);
    }
  }
  for (Int3& face : surface.faces) {
    for (int32_t& v : face) v = same.root(v);
  }
  std::erase_if(surface.faces, [](const Int3& f) { return f[0] == f[1] || f[1] == f[2] || f[2] == f[0]; });
}

std::vector<Side> sorted_sides(const Surface& surface) {
  std::vector<Side> sides(surface.faces.size() * 3);
  for (int32_t corner = 0; corner < std::ssize(sides); ++corner) {
    const int32_t next = next_corner(corner);
    const int32_t a = surface.faces[corner / 3][corner % 3], b = surface.faces[next / 3][next % 3];
    sides[corner] = {std::min(a, b), std::max(a, b), corner, a < b};
  }
  std::sort(sides.begin(), sides.end(), [](const Side& a, const Side& b) {
    return std::tie(a.low, a.high, a.corner) < std::tie(b.low, b.high, b.corner);
  });
  return sides;
}

/// The angle round the edge at which a side's face lies, from an arbitrary zero.
double angle_round(const Surface& surface, const Side& side) {
  const Float3 &low = surface.vertices[side.low], &high = surface.vertices[side.high];
  const Int3& face = surface.faces[side.corner / 3];
  const Float3& apex = surface.vertices[face[(side.corner % 3 + 2) % 3]];
  const Double3 along = minus(high, low);
  const bool is_along_x = std::abs(along[0]) < std::abs(along[1]) || std::abs(along[0]) < std::abs(along[2]);
  const Double3 u = cross(along, is_along_x ? Double3{1, 0, 0} : Double3{0, 1, 0}), v = cross(along, u);
  const Double3 to = minus(apex, low);
  return std::atan2(dot(to, v) / std::sqrt(std::max(dot(v, v), 1e-300)),
                    dot(to, u) / std::sqrt(std::max(dot(u, u), 1e-300)));
}

/// Which sides are neighbours: pairs of indices into `sides`. Round an edge with more than two faces, those
/// that enclose the inside between them.
std::vector<std::array<Side, 2>> pair_sides(const Surface& surface, std::vector<Side> sides) {
  std::vector<std::array<Side, 2>> pairs;
  for (size_t first = 0, last = 0; first < sides.size(); first = last) {
    while (last < sides.size() && sides[last].low == sides[first].low &&
           sides[last].high == sides[first].high)
      ++last;
    if (last - first == 2) {
      pairs.push_back({sides[first], sides[first + 1]});
    } else if (last - first > 2) {
      std::vector<std::pair<double, Side>> round;
      for (size_t s = first; s < last; ++s) round.emplace_back(angle_round(surface, sides[s]), sides[s]);
      std::stable_sort(round.begin(), round.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      // Like brackets: whichever neighbours round the edge run in opposite directions belong together.
      std::vector<Side> open;
      for (const bool opening : {true, false}) {
        std::vector<Side> left;
        for (const auto& [angle, side] : round) {
          if (!left.empty() && left.back().runs_up == opening && side.runs_up != opening) {
            pairs.push_back({left.back(), side});
            left.pop_back();
          } else {
            left.push_back(side);
          }
        }
        round.clear();
        for (const Side& side : left) round.emplace_back(0, side);
      }
    }
  }
  return pairs;
}

/// Gives every fan of faces round a vertex a vertex of its own.
void split_fans(Surface& surface, const std::vector<std::array<Side, 2>>& pairs) {
  DisjointSets fans(surface.faces.size() * 3);
  for (const auto& [a, b] : pairs) {
    const auto corner_at = [](const Side& side, bool low) {
      return side.runs_up == low ? side.corner : next_corner(side.corner);
    };
    for (const bool low : {false, true}) fans.join(corner_at(a, low), corner_at(b, low));
  }
  std::vector<int32_t> owner(surface.vertices.size(), -1), vertex_of_fan(surface.faces.size() * 3, -1);
  for (int32_t corner = 0; corner < std::ssize(vertex_of_fan); ++corner) {
    int32_t& vertex = surface.faces[corner / 3][corner % 3];
    const int32_t fan = fans.root(corner);
    if (vertex_of_fan[fan] < 0) {
      if (owner[vertex] < 0) {
        owner[vertex] = fan;
        vertex_of_fan[fan] = vertex;
      } else {
        vertex_of_fan[fan] = static_cast<int32_t>(surface.vertices.size());
        const Float3 position = surface.vertices[vertex];
        surface.vertices.push_back(position);
      }
    }
    vertex = vertex_of_fan[fan];
  }
}

/// Where a fan passes the same edge twice, its vertices cannot be told apart: such a pair of faces gets a
/// vertex of its own in the middle of the edge. Returns whether there was one; a face is cut once a call.
bool split_crowded_edges(Surface& surface, const std::vector<std::array<Side, 2>>& pairs) {
  std::map<std::pair<int32_t, int32_t>, std::vector<std::array<Side, 2>>> by_edge;
  for (const auto& pair : pairs) {
    const Side& side = pair[0];
    int32_t a = surface.faces[side.corner / 3][side.corner % 3];
    const int32_t next = next_corner(side.corner);
    int32_t b = surface.faces[next / 3][next % 3];
    if (a > b) std::swap(a, b);
    by_edge[{a, b}].push_back(pair);
  }
  std::vector<bool> is_cut(surface.faces.size());
  bool is_crowded = false;
  for (const auto& [edge, crowd] : by_edge) {
    for (size_t i = 1; i < crowd.size(); ++i) {
      is_crowded = true;
      const int32_t first = crowd[i][0].corner / 3, second = crowd[i][1].corner / 3;
      if (is_cut[first] || is_cut[second] || first == second) continue;
      is_cut[first] = is_cut[second] = true;
      const auto middle = static_cast<int32_t>(surface.vertices.size());
      const Float3 a = surface.vertices[edge.first], b = surface.vertices[edge.second];
      surface.vertices.push_back({(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2});
      for (const Side& side : crowd[i]) {
        Int3& face = surface.faces[side.corner / 3];
        Int3 half = face;
        half[side.corner % 3] = middle;
        face[next_corner(side.corner) % 3] = middle;
        surface.faces.push_back(half);
      }
    }
  }
  return is_crowded;
}

double volume_of(const Surface& surface, const Int3& f) {
  const Float3 zero{};
  return dot(minus(surface.vertices[f[0]], zero),
             cross(minus(surface.vertices[f[1]], zero), minus(surface.vertices[f[2]], zero))) /
         6;
}

double area_of(const Surface& surface, const Int3& f) {
  const Double3 n = cross(minus(surface.vertices[f[1]], surface.vertices[f[0]]),
                          minus(surface.vertices[f[2]], surface.vertices[f[0]]));
  return std::sqrt(dot(n, n)) / 2;
}

/// Turns neighbours the same way, as most of each piece already are, then the whole outward. (A hollow's
/// inner side looks into the hollow: pieces that agree with themselves are not turned one by one.)
void orient(Surface& surface, const std::vector<std::array<Side, 2>>& pairs) {
  const auto count = static_cast<int32_t>(surface.faces.size());
  std::vector<std::vector<std::pair<int32_t, bool>>> neighbours(count);
  for (const auto& [a, b] : pairs) {
    const int32_t f = a.corner / 3, g = b.corner / 3;
    neighbours[f].emplace_back(g, a.runs_up == b.runs_up);
    neighbours[g].emplace_back(f, a.runs_up == b.runs_up);
  }
  std::vector<int8_t> turned(count, -1);
  for (int32_t seed = 0; seed < count; ++seed) {
    if (turned[seed] >= 0) continue;
    turned[seed] = 0;
    std::vector<int32_t> piece{seed};
    int64_t flipped = 0;
    for (size_t i = 0; i < piece.size(); ++i) {
      for (const auto& [next, differs] : neighbours[piece[i]]) {
        if (turned[next] >= 0) continue;
        turned[next] = static_cast<int8_t>(turned[piece[i]] ^ static_cast<int>(differs));
        flipped += turned[next];
        piece.push_back(next);
      }
    }
    const int keep = 2 * flipped > std::ssize(piece) ? 0 : 1;
    for (const int32_t face : piece) {
      if (turned[face] == keep) std::swap(surface.faces[face][1], surface.faces[face][2]);
    }
  }
  double volume = 0;
  for (const Int3& face : surface.faces) volume += volume_of(surface, face);
  if (volume < 0) {
    for (Int3& face : surface.faces) std::swap(face[1], face[2]);
  }
}

void remove_debris(Surface& surface, double smallest_share) {
  if (smallest_share <= 0) return;
  DisjointSets pieces(surface.vertices.size());
  for (const Int3& face : surface.faces) {
    pieces.join(face[0], face[1]);
    pieces.join(face[1], face[2]);
  }
  std::map<int32_t, double> areas;
  double whole = 0;
  for (const Int3& face : surface.faces) {
    const double area = area_of(surface, face);
    areas[pieces.root(face[0])] += area;
    whole += area;
  }
  // The largest piece stays, whatever the share.
  double largest = 0;
  for (const auto& [root, area] : areas) largest = std::max(largest, area);
  const double smallest = std::min(smallest_share * whole, largest);
  std::erase_if(surface.faces, [&](const Int3& f) { return areas[pieces.root(f[0])] < smallest; });
}

void drop_unused_vertices(Surface& surface) {
  std::vector<int32_t> number(surface.vertices.size(), -1);
  for (const Int3& face : surface.faces) {
    for (const int32_t v : face) number[v] = 0;
  }
  int32_t used = 0;
  for (size_t v = 0; v < number.size(); ++v) {
    if (number[v] < 0) continue;
    surface.vertices[used] = surface.vertices[v];
    number[v] = used++;
  }
  surface.vertices.resize(used);
  for (Int3& face : surface.faces) {
    for (int32_t& v : face) v = number[v];
  }
}

}  // namespace

Surface clean_surface(const Surface& surface, const CleanSettings& settings, const Control& control) {
  check(surface);
  control.step(0);
  Surface cleaned = surface;
  drop_degenerate(cleaned);
  control.step(0.2);
  auto pairs = pair_sides(cleaned, sorted_sides(cleaned));
  split_fans(cleaned, pairs);
  constexpr int kMostRounds = 16;
  for (int round = 0; round < kMostRounds && split_crowded_edges(cleaned, pairs); ++round) {
    pairs = pair_sides(cleaned, sorted_sides(cleaned));
    split_fans(cleaned, pairs);
  }
  control.step(0.6);
  orient(cleaned, pairs);
  remove_debris(cleaned, settings.smallest_share);
  drop_unused_vertices(cleaned);
  if (cleaned.faces.empty()) {
    throw Error(ErrorCode::kEmptySurface, "No face is left of the surface.",
                "Try another picture, another mask or another seed.");
  }
  control.step(1);
  return cleaned;
}

}  // namespace relievo

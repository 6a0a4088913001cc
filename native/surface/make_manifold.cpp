#include "surface/make_manifold.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/vectors.h"
#include "surface/disjoint_sets.h"
#include "surface/sides.h"

namespace relievo {
namespace {

using Pair = std::array<Side, 2>;

/// The angle round the edge at which a side's face lies, from an arbitrary zero.
double angle_round(const Surface& surface, const Side& side) {
  const Float3 &low = surface.vertices[side.low], &high = surface.vertices[side.high];
  const Float3& apex = surface.vertices[vertex_at(surface, next_corner(next_corner(side.corner)))];
  const Double3 along = minus_in_double(high, low);
  const bool is_along_x = std::abs(along[0]) < std::abs(along[1]) || std::abs(along[0]) < std::abs(along[2]);
  const Double3 u = cross(along, is_along_x ? Double3{1, 0, 0} : Double3{0, 1, 0}), v = cross(along, u);
  const Double3 to = minus_in_double(apex, low);
  return std::atan2(dot(to, v) / std::sqrt(std::max(dot(v, v), 1e-300)),
                    dot(to, u) / std::sqrt(std::max(dot(u, u), 1e-300)));
}

/// Pairs the sides first..last - 1 of one edge as brackets are paired: neighbours around the edge belong
/// together when they run in opposite directions.
void pair_round_edge(const Surface& surface, const std::vector<Side>& sides, size_t first, size_t last,
                     std::vector<Pair>& pairs) {
  std::vector<std::pair<double, Side>> round;
  for (size_t s = first; s < last; ++s) round.emplace_back(angle_round(surface, sides[s]), sides[s]);
  std::stable_sort(round.begin(), round.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
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

/// Finds which sides are neighbours; the pairs of one edge stand together.
std::vector<Pair> pair_sides(const Surface& surface) {
  const std::vector<Side> sides = sorted_sides(surface);
  std::vector<Pair> pairs;
  pairs.reserve(sides.size() / 2);
  for (size_t first = 0, last = 0; first < sides.size(); first = last) {
    while (last < sides.size() && sides[last].shares_edge_with(sides[first])) ++last;
    if (last - first == 2) pairs.push_back({sides[first], sides[first + 1]});
    if (last - first > 2) pair_round_edge(surface, sides, first, last, pairs);
  }
  return pairs;
}

/// Gives every fan of faces around a vertex a vertex of its own.
void split_fans(Surface& surface, const std::vector<Pair>& pairs) {
  DisjointSets fans(surface.faces.size() * 3);
  for (const auto& [a, b] : pairs) {
    for (const bool low : {false, true}) fans.join(corner_at_end(a, low), corner_at_end(b, low));
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

/// Where a fan passes the same edge twice, its vertices cannot be told apart, so such a pair of faces gets a
/// vertex of its own in the middle of the edge. Returns whether there was one; each call cuts a face at most
/// once.
bool split_crowded_edges(Surface& surface, const std::vector<Pair>& pairs) {
  std::vector<bool> is_cut;
  const auto cut = [&](const Pair& pair) {
    if (is_cut.empty()) is_cut.resize(surface.faces.size());
    const int32_t first = pair[0].corner / 3, second = pair[1].corner / 3;
    if (is_cut[first] || is_cut[second] || first == second) return;
    is_cut[first] = is_cut[second] = true;
    const auto middle = static_cast<int32_t>(surface.vertices.size());
    const Float3 a = surface.vertices[vertex_at(surface, pair[0].corner)],
                 b = surface.vertices[vertex_at(surface, next_corner(pair[0].corner))];
    surface.vertices.push_back({(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2});
    for (const Side& side : pair) {
      Int3& face = surface.faces[side.corner / 3];
      Int3 half = face;
      half[side.corner % 3] = middle;
      face[next_corner(side.corner) % 3] = middle;
      surface.faces.push_back(half);
    }
  };
  const auto edge_of = [&](const Pair& pair) {
    const int32_t a = vertex_at(surface, pair[0].corner), b = vertex_at(surface, next_corner(pair[0].corner));
    return std::pair(std::min(a, b), std::max(a, b));
  };
  bool is_crowded = false;
  for (size_t first = 0, last = 0; first < pairs.size(); first = last) {
    while (last < pairs.size() && pairs[last][0].shares_edge_with(pairs[first][0])) ++last;
    if (last - first == 1) continue;
    // Splitting the fans may already have given each pair an edge of its own.
    std::vector<std::pair<int32_t, int32_t>> edges;
    for (size_t p = first; p < last; ++p) edges.push_back(edge_of(pairs[p]));
    for (size_t p = first + 1; p < last; ++p) {
      const auto before = edges.begin() + static_cast<std::ptrdiff_t>(p - first);
      if (std::find(edges.begin(), before, *before) == before) continue;
      is_crowded = true;
      cut(pairs[p]);
    }
  }
  return is_crowded;
}

}  // namespace

Neighbours make_manifold(Surface& surface) {
  std::vector<Pair> pairs = pair_sides(surface);
  split_fans(surface, pairs);
  constexpr int kMostRounds = 16;
  for (int round = 0; round < kMostRounds && split_crowded_edges(surface, pairs); ++round) {
    pairs = pair_sides(surface);
    split_fans(surface, pairs);
  }
  Neighbours neighbours(surface.faces.size() * 3, -1);
  for (const auto& [a, b] : pairs) {
    neighbours[a.corner] = b.corner;
    neighbours[b.corner] = a.corner;
  }
  return neighbours;
}

}  // namespace relievo

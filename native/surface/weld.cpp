#include "surface/weld.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/vectors.h"

namespace relievo {
namespace {

/// -0 and 0 have the same hash, for they are one place.
uint64_t hash_of(const Float3& place) {
  uint64_t hash = 0;
  for (const float coordinate : place) {
    hash = (hash ^ std::bit_cast<uint32_t>(coordinate + 0.0f)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  return hash;
}

/// Facts about the faces around a vertex.
struct Round {
  /// The negative sum of their normals, each as long as twice its face's area.
  Double3 inward{};
  double shortest = std::numeric_limits<double>::max();  ///< length of the shortest edge
};

/// The numbers of used vertices that share a place, and for each how many of them came before it.
struct Twin {
  int32_t vertex = 0;
  int rank = 0;
};
std::vector<Twin> twins_of(const Surface& surface) {
  const std::vector<int32_t> first = first_at_place(surface.vertices);
  std::vector<bool> is_used(first.size(), false);
  for (const Int3& face : surface.faces) {
    for (const int32_t vertex : face) is_used[vertex] = true;
  }
  std::vector<int> count(first.size(), 0);
  for (size_t v = 0; v < first.size(); ++v) count[first[v]] += is_used[v] ? 1 : 0;
  std::vector<int> rank(first.size(), 0);
  std::vector<Twin> twins;
  for (int32_t v = 0; v < std::ssize(first); ++v) {
    if (is_used[v] && count[first[v]] > 1) twins.push_back({v, rank[first[v]]++});
  }
  return twins;
}

}  // namespace

double extent_of(const std::vector<Float3>& vertices) {
  double extent = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    const auto [low, high] =
        std::minmax_element(vertices.begin(), vertices.end(),
                            [&](const Float3& a, const Float3& b) { return a[axis] < b[axis]; });
    extent = std::max(extent, double{(*high)[axis]} - (*low)[axis]);
  }
  return extent;
}

std::vector<int32_t> first_at_place(const std::vector<Float3>& vertices) {
  constexpr int32_t kFree = -1;
  const size_t size = std::bit_ceil(2 * vertices.size() + 1);
  std::vector<int32_t> table(size, kFree);
  std::vector<int32_t> first(vertices.size());
  for (int32_t v = 0; v < std::ssize(vertices); ++v) {
    size_t worker = hash_of(vertices[v]) & (size - 1);
    while (table[worker] != kFree && vertices[table[worker]] != vertices[v])
      worker = (worker + 1) & (size - 1);
    if (table[worker] == kFree) table[worker] = v;
    first[v] = table[worker];
  }
  return first;
}

Surface welded(const Surface& surface) {
  const std::vector<int32_t> first = first_at_place(surface.vertices);
  Surface joined = surface;
  for (Int3& face : joined.faces) {
    for (int32_t& vertex : face) vertex = first[vertex];
  }
  return joined;
}

void move_twins_apart(Surface& surface) {
  std::vector<Twin> twins = twins_of(surface);
  if (twins.empty()) return;
  const double extent = extent_of(surface.vertices), nearest = kNearestTwins * extent,
               farthest = 10 * nearest;
  // A moved vertex may meet another one, above all where steps are as short as float32 can tell, so this is
  // repeated.
  constexpr int kMostRounds = 16;
  for (int round = 1; round <= kMostRounds && !twins.empty(); ++round, twins = twins_of(surface)) {
    std::vector<int32_t> place_of(surface.vertices.size(), -1);
    for (size_t i = 0; i < twins.size(); ++i) place_of[twins[i].vertex] = static_cast<int32_t>(i);
    std::vector<Round> rounds(twins.size());
    for (const Int3& face : surface.faces) {
      for (size_t k = 0; k < 3; ++k) {
        const int32_t place = place_of[face[k]];
        if (place < 0) continue;
        const Float3 &at = surface.vertices[face[k]], &next = surface.vertices[face[(k + 1) % 3]],
                     &last = surface.vertices[face[(k + 2) % 3]];
        const Double3 along = minus_in_double(next, at), back = minus_in_double(last, at);
        rounds[place].inward = plus(rounds[place].inward, cross(back, along));
        for (const Double3& edge : {along, back}) {
          if (const double size = length(edge); size > 0) {
            rounds[place].shortest = std::min(rounds[place].shortest, size);
          }
        }
      }
    }
    for (size_t i = 0; i < twins.size(); ++i) {
      const double size = length(rounds[i].inward);
      // Vertices that face the same way must part as well.
      const double step =
          std::clamp(0.1 * rounds[i].shortest, nearest, farthest) * (round + 0.5 * twins[i].rank);
      const Double3 way = size > 0 ? scaled(rounds[i].inward, 1 / size) : Double3{0, 0, -1};
      Float3& vertex = surface.vertices[twins[i].vertex];
      for (size_t axis = 0; axis < 3; ++axis) {
        vertex[axis] = static_cast<float>(vertex[axis] + step * way[axis]);
      }
    }
  }
}

}  // namespace relievo

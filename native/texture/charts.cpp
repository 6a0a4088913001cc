#include "texture/charts.h"

#include <algorithm>
#include <array>

namespace relievo {
namespace {

Float3 minus(const Float3& a, const Float3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }

Side turned_to(const Surface& surface, const Int3& face) {
  const Float3 a = minus(surface.vertices[face[1]], surface.vertices[face[0]]);
  const Float3 b = minus(surface.vertices[face[2]], surface.vertices[face[0]]);
  return a[1] * b[2] - a[2] * b[1] >= 0 ? Side::kFront : Side::kBack;
}

/// The faces across the three edges of each face; -1 where there is none or more than one.
std::vector<Int3> neighbours_of(const std::vector<Int3>& faces) {
  struct Edge {
    int32_t low, high;  // vertices
    int32_t face, corner;
  };
  std::vector<Edge> edges;
  edges.reserve(faces.size() * 3);
  for (int32_t f = 0; f < static_cast<int32_t>(faces.size()); ++f) {
    for (int32_t corner = 0; corner < 3; ++corner) {
      const auto [low, high] = std::minmax(faces[f][corner], faces[f][(corner + 1) % 3]);
      edges.push_back({low, high, f, corner});
    }
  }
  std::ranges::sort(edges, [](const Edge& a, const Edge& b) {
    return std::array{a.low, a.high, a.face} < std::array{b.low, b.high, b.face};
  });
  std::vector<Int3> neighbours(faces.size(), {-1, -1, -1});
  for (size_t first = 0, last = 0; first < edges.size(); first = last) {
    while (last < edges.size() && edges[last].low == edges[first].low &&
           edges[last].high == edges[first].high) {
      ++last;
    }
    if (last - first != 2) continue;
    const Edge &a = edges[first], &b = edges[first + 1];
    neighbours[a.face][a.corner] = b.face;
    neighbours[b.face][b.corner] = a.face;
  }
  return neighbours;
}

/// Gives faces to the other side where that shortens the border between the sides.
void smooth_border(const std::vector<Int3>& neighbours, std::vector<Side>& sides) {
  constexpr int kPasses = 8;
  for (int pass = 0; pass < kPasses; ++pass) {
    bool changed = false;
    for (size_t f = 0; f < sides.size(); ++f) {
      const auto differs = [&](int32_t n) { return n >= 0 && sides[n] != sides[f]; };
      if (std::ranges::count_if(neighbours[f], differs) < 2) continue;
      sides[f] = sides[f] == Side::kFront ? Side::kBack : Side::kFront;
      changed = true;
    }
    if (!changed) return;
  }
}

/// Gives pieces of fewer than `smallest` faces to the other side, where they have a neighbour on it.
void dissolve_small_pieces(const std::vector<Int3>& neighbours, size_t smallest, std::vector<Side>& sides) {
  std::vector<bool> seen(sides.size(), false);
  std::vector<int32_t> piece;
  for (size_t seed = 0; seed < sides.size(); ++seed) {
    if (seen[seed]) continue;
    seen[seed] = true;
    piece.assign(1, static_cast<int32_t>(seed));
    bool has_other_side = false;
    for (size_t next = 0; next < piece.size(); ++next) {
      for (const int32_t n : neighbours[piece[next]]) {
        if (n < 0) continue;
        has_other_side |= sides[n] != sides[seed];
        if (seen[n] || sides[n] != sides[seed]) continue;
        seen[n] = true;
        piece.push_back(n);
      }
    }
    if (piece.size() >= smallest || !has_other_side) continue;
    const Side other = sides[seed] == Side::kFront ? Side::kBack : Side::kFront;
    for (const int32_t f : piece) sides[f] = other;
  }
}

}  // namespace

std::vector<Side> sides_of(const Surface& surface, int smallest) {
  std::vector<Side> sides(surface.faces.size());
  std::ranges::transform(surface.faces, sides.begin(),
                         [&](const Int3& face) { return turned_to(surface, face); });
  const std::vector<Int3> neighbours = neighbours_of(surface.faces);
  smooth_border(neighbours, sides);
  dissolve_small_pieces(neighbours, static_cast<size_t>(smallest), sides);
  return sides;
}

}  // namespace relievo

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "base/parallel.h"
#include "base/vectors.h"
#include "check/parts.h"
#include "surface/disjoint_sets.h"
#include "surface/sides.h"
#include "surface/surface.h"
#include "surface/weld.h"

namespace relievo {
namespace {

/// Faces that hang together over edges.
struct Piece {
  std::vector<int32_t> faces;
  double area = 0;
  Float3 low{INFINITY, INFINITY, INFINITY};
  Float3 high{-INFINITY, -INFINITY, -INFINITY};
};

void widen(Float3& low, Float3& high, const Float3& point) {
  for (size_t axis = 0; axis < 3; ++axis) {
    low[axis] = std::min(low[axis], point[axis]);
    high[axis] = std::max(high[axis], point[axis]);
  }
}

/// The largest first.
std::vector<Piece> pieces_of(const Surface& surface, const std::vector<Side>& sides) {
  DisjointSets sets(surface.faces.size());
  for (size_t i = 1; i < sides.size(); ++i) {
    if (sides[i].shares_edge_with(sides[i - 1])) sets.join(sides[i - 1].corner / 3, sides[i].corner / 3);
  }
  std::vector<int32_t> place(surface.faces.size(), -1);  // of a root's piece
  std::vector<Piece> pieces;
  for (int32_t face = 0; face < static_cast<int32_t>(surface.faces.size()); ++face) {
    const int32_t root = sets.root(face);
    if (place[root] < 0) {
      place[root] = static_cast<int32_t>(pieces.size());
      pieces.emplace_back();
    }
    Piece& piece = pieces[place[root]];
    piece.faces.push_back(face);
    piece.area += length(area_normal_in_double(surface, surface.faces[face])) / 2;
    for (const int32_t vertex : surface.faces[face]) widen(piece.low, piece.high, surface.vertices[vertex]);
  }
  std::ranges::stable_sort(pieces, std::ranges::greater(), &Piece::area);
  return pieces;
}

/// How often the piece winds around the point (Jacobson, Kavan and Sorkine-Hornung 2013), by the solid angles
/// of its faces (Van Oosterom and Strackee 1983).
double winding_number(const Surface& surface, const Piece& piece, const Double3& point) {
  double sum = 0;
  for (const int32_t face : piece.faces) {
    std::array<Double3, 3> to{};
    std::array<double, 3> far{};
    for (size_t corner = 0; corner < 3; ++corner) {
      const Float3& vertex = surface.vertices[surface.faces[face][corner]];
      for (size_t axis = 0; axis < 3; ++axis) to[corner][axis] = vertex[axis] - point[axis];
      far[corner] = length(to[corner]);
    }
    const double volume = dot(to[0], cross(to[1], to[2]));
    const double below = far[0] * far[1] * far[2] + dot(to[0], to[1]) * far[2] + dot(to[1], to[2]) * far[0] +
                         dot(to[2], to[0]) * far[1];
    sum += 2 * std::atan2(volume, below);
  }
  return sum / (4 * std::numbers::pi);
}

bool lies_within(const Piece& inner, const Piece& outer) {
  for (size_t axis = 0; axis < 3; ++axis) {
    if (inner.low[axis] < outer.low[axis] || inner.high[axis] > outer.high[axis]) return false;
  }
  return true;
}

Double3 centre_of_first_face(const Surface& surface, const Piece& piece) {
  Double3 centre{};
  for (const int32_t vertex : surface.faces[piece.faces.front()]) {
    for (size_t axis = 0; axis < 3; ++axis) centre[axis] += double{surface.vertices[vertex][axis]} / 3;
  }
  return centre;
}

int count_inner_shells(const Surface& surface, const std::vector<Piece>& pieces, const CancelToken& cancel) {
  std::vector<char> is_inner(pieces.size());
  parallel_for(static_cast<int64_t>(pieces.size()), 1, [&](int64_t first, int64_t last) {
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
      cancel.check();
      const Double3 point = centre_of_first_face(surface, pieces[i]);
      is_inner[i] = std::ranges::any_of(pieces, [&](const Piece& other) {
        return &other != &pieces[i] && lies_within(pieces[i], other) &&
               std::abs(winding_number(surface, other, point)) > 0.5;
      });
    }
  });
  return static_cast<int>(std::ranges::count(is_inner, 1));
}

bool turn_the_same_way(const std::vector<Side>& sides) {
  for (size_t first = 0, last = 0; first < sides.size(); first = last) {
    while (last < sides.size() && sides[last].shares_edge_with(sides[first])) ++last;
    if (last - first == 2 && sides[first].runs_up == sides[first + 1].runs_up) return false;
  }
  return true;
}

double share_of_reversed(const MeshFile& mesh) {
  if (mesh.normals.empty()) return 0;
  int64_t reversed = 0;
  for (const Int3& face : mesh.surface.faces) {
    const Float3 normal = area_normal(mesh.surface, face);
    for (const int32_t vertex : face) reversed += dot(mesh.normals[vertex], normal) < 0;
  }
  return static_cast<double>(reversed) / (3 * static_cast<double>(mesh.surface.faces.size()));
}

}  // namespace

void report_shape(const MeshFile& mesh, const CancelToken& cancel, MeshReport& report) {
  report.surface = inspect_surface(mesh.surface);
  cancel.check();
  const Surface surface = welded(mesh.surface);
  std::vector<char> is_used(surface.vertices.size());
  report.low = {INFINITY, INFINITY, INFINITY};
  report.high = {-INFINITY, -INFINITY, -INFINITY};
  for (const Int3& face : surface.faces) {
    for (const int32_t vertex : face) {
      is_used[vertex] = 1;
      widen(report.low, report.high, surface.vertices[vertex]);
    }
  }
  report.vertices = std::ranges::count(is_used, 1);
  report.faces = static_cast<int64_t>(surface.faces.size());
  const std::vector<Side> sides = sorted_sides(surface);
  report.consistent = turn_the_same_way(sides);
  cancel.check();
  const std::vector<Piece> pieces = pieces_of(surface, sides);
  for (size_t i = 1; i < pieces.size(); ++i)
    report.debris += pieces[i].area < kDebrisShare * report.surface.area;
  report.inner_shells = count_inner_shells(surface, pieces, cancel);
  report.has_normals = !mesh.normals.empty();
  report.reversed_normals = share_of_reversed(mesh);
}

}  // namespace relievo

#include "verify/compare_marching.h"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "surface/surface.h"

namespace relievo {
namespace {

using Double3 = std::array<double, 3>;

/// The edge of the grid that a vertex lies on: its lower end and its axis.
std::array<int, 4> edge_of(const Double3& vertex, int side) {
  std::array<int, 4> edge{};
  double farthest = -1;
  std::array<double, 3> step{};
  for (int axis = 0; axis < 3; ++axis) {
    step[axis] = (vertex[axis] + 1) / 2 * (side - 1);
    edge[axis] = static_cast<int>(std::lround(step[axis]));
    const double off = std::abs(step[axis] - edge[axis]);
    if (off > farthest) {
      farthest = off;
      edge[3] = axis;
    }
  }
  edge[edge[3]] = static_cast<int>(std::floor(step[edge[3]]));
  return edge;
}

using Outlines = std::multiset<std::array<int64_t, 5>>;  // cube, from vertex, to vertex

/// The directed sides of the faces in each cube, without those that two faces of one cube share.
Outlines outlines_of(const std::vector<Double3>& vertices, const std::vector<std::array<int64_t, 3>>& faces,
                     int side) {
  Outlines outlines;
  for (const auto& face : faces) {
    std::array<int64_t, 3> cube{};
    for (int axis = 0; axis < 3; ++axis) {
      double middle = 0;
      for (const int64_t v : face) middle += vertices[v][axis] / 3;
      cube[axis] = static_cast<int64_t>(std::floor((middle + 1) / 2 * (side - 1)));
    }
    for (int k = 0; k < 3; ++k) {
      const int64_t from = face[k], to = face[(k + 1) % 3];
      const auto opposite = outlines.find({cube[0], cube[1], cube[2], to, from});
      if (opposite != outlines.end()) {
        outlines.erase(opposite);
      } else {
        outlines.insert({cube[0], cube[1], cube[2], from, to});
      }
    }
  }
  return outlines;
}

}  // namespace

std::vector<int64_t> compare_marching(Fixture& fixture, const std::string& prefix, const Surface& ours,
                                      int side, double tolerance, double half_side) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const at::Tensor verts = (fixture.read(prefix + "verts").to(at::kDouble) / half_side).contiguous(),
                   faces = fixture.read(prefix + "faces").to(at::kLong).contiguous();
  std::map<std::array<int, 4>, int64_t> numbers;
  for (int64_t i = 0; i < std::ssize(ours.vertices); ++i) {
    const Float3& v = ours.vertices[i];
    numbers[edge_of({v[0], v[1], v[2]}, side)] = i;
  }
  double error = verts.size(0) == std::ssize(ours.vertices) ? 0 : kInfinite;
  std::vector<int64_t> match;
  std::vector<Double3> positions(ours.vertices.size());
  for (int64_t i = 0; i < verts.size(0); ++i) {
    const double* v = verts.const_data_ptr<double>() + 3 * i;
    const auto found = numbers.find(edge_of({v[0], v[1], v[2]}, side));
    if (found == numbers.end()) {
      error = kInfinite;
      continue;
    }
    for (int axis = 0; axis < 3; ++axis) {
      error = std::max(error, std::abs(v[axis] - ours.vertices[found->second][axis]));
      positions[found->second][axis] = v[axis];
    }
    match.push_back(found->second);
  }
  fixture.record(prefix + "verts", error * half_side, tolerance);
  const bool may_compare = std::isfinite(error) && faces.size(0) == std::ssize(ours.faces) &&
                           (faces.numel() == 0 || (faces.min().item<int64_t>() >= 0 &&
                                                   faces.max().item<int64_t>() < verts.size(0)));
  if (!may_compare) {
    fixture.record(prefix + "faces", kInfinite, 0);
    return {};
  }
  std::vector<std::array<int64_t, 3>> theirs, mine;
  Surface as_surface{ours.vertices, {}};
  for (int64_t f = 0; f < faces.size(0); ++f) {
    std::array<int64_t, 3> face{};
    for (int k = 0; k < 3; ++k) face[k] = match[faces.const_data_ptr<int64_t>()[3 * f + k]];
    theirs.push_back(face);
    as_surface.faces.push_back(
        {static_cast<int32_t>(face[0]), static_cast<int32_t>(face[1]), static_cast<int32_t>(face[2])});
    mine.push_back({ours.faces[f][0], ours.faces[f][1], ours.faces[f][2]});
  }
  const bool same = outlines_of(positions, theirs, side) == outlines_of(positions, mine, side);
  fixture.record(prefix + "faces", same ? 0 : kInfinite, 0);
  const SurfaceReport a = inspect_surface(as_surface), b = inspect_surface(ours);
  const double scale = std::max(a.area, 1.0);
  fixture.record(prefix + "faces", std::max(std::abs(a.area - b.area), std::abs(a.volume - b.volume)) / scale,
                 1e-2);
  return match;
}

}  // namespace relievo

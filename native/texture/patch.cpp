#include "texture/patch.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Sparse>
#include <Eigen/SparseCholesky>

#include "base/vectors.h"

namespace relievo {
namespace {

constexpr int kRounds = 6;  // of evening out

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

}  // namespace

Patch::Patch(const Surface& surface_, const std::vector<int32_t>& numbers_)
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

}  // namespace relievo

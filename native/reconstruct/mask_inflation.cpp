#include "reconstruct/mask_inflation.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Sparse>
#include <Eigen/SparseCholesky>

#include "base/error.h"
#include "base/parallel.h"
#include "reconstruct/outline_distance.h"

namespace relievo {
namespace {

constexpr float kSource = 4;  // the right-hand side: -laplace(u)

// Half the second derivative of u across an outline, with the sign turned: 1 for a disc, 2 for a strip.
constexpr float kBend = 1.5f;

/// Solves Poisson's equation on the nodes inside; u is zero outside. The five-point stencil's legs end at the
/// outline (Gibou, Fedkiw, Cheng and Kang 2002, "A second-order-accurate symmetric discretization of the
/// Poisson equation on irregular domains"): u is second-order accurate, the matrix symmetric and positive
/// definite.
PlaneGrid solve_poisson(const PlaneGrid& level, const Control& control) {
  std::vector<int> unknown(level.values.size(), -1);
  int count = 0;
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (level.values[i] > 0) unknown[i] = count++;
  }
  if (count == 0) {
    throw Error(ErrorCode::kNoSubject, "The mask is empty: there is nothing to inflate.",
                "Choose another mask, or lower its threshold.");
  }

  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(static_cast<size_t>(count) * 5);
  for (int j = 1; j + 1 < level.side; ++j) {
    for (int i = 1; i + 1 < level.side; ++i) {
      const int node = j * level.side + i;
      const int row = unknown[node];
      if (row < 0) continue;
      double diagonal = 0;
      for (const int neighbour : {node - 1, node + 1, node - level.side, node + level.side}) {
        if (unknown[neighbour] >= 0) {
          diagonal += 1;
          entries.emplace_back(row, unknown[neighbour], -1.0);
        } else {
          diagonal += 1.0 / crossing(level.values[node], level.values[neighbour]);
        }
      }
      entries.emplace_back(row, row, diagonal);
    }
  }
  Eigen::SparseMatrix<double> matrix(count, count);
  matrix.setFromTriplets(entries.begin(), entries.end());
  control.step(0.2);

  const double right_side = double{kSource} * level.spacing * level.spacing;
  const Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> factors(matrix);
  const Eigen::VectorXd solution = factors.solve(Eigen::VectorXd::Constant(count, right_side));
  if (factors.info() != Eigen::Success) throw Error(ErrorCode::kInternal, "The mask could not be inflated.");
  control.step(0.8);

  PlaneGrid height = level;
  for (size_t i = 0; i < unknown.size(); ++i) {
    height.values[i] = unknown[i] >= 0 ? static_cast<float>(solution[unknown[i]]) : 0.0f;
  }
  return height;
}

/// Estimates the slope of u at each segment of the outline from the nodes inside that are near, where u =
/// slope * distance - kBend * distance^2.
std::vector<float> outline_slopes(const PlaneGrid& height, const Outline& outline) {
  constexpr int kReach = 3;  // nodes
  const float first_position = height.position(0);
  std::vector<float> slopes(outline.segments.size());
  parallel_for(static_cast<int64_t>(slopes.size()), 256, [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) {
      const Segment& segment = outline.segments[s];
      const float column = ((segment.begin[0] + segment.end[0]) / 2 - first_position) / height.spacing;
      const float row = ((segment.begin[1] + segment.end[1]) / 2 - first_position) / height.spacing;
      const int i0 = static_cast<int>(std::lround(column)), j0 = static_cast<int>(std::lround(row));
      float sum = 0, weights = 0;
      for (int j = std::max(0, j0 - kReach); j <= std::min(height.side - 1, j0 + kReach); ++j) {
        for (int i = std::max(0, i0 - kReach); i <= std::min(height.side - 1, i0 + kReach); ++i) {
          const size_t node = static_cast<size_t>(j) * height.side + i;
          if (height.values[node] <= 0) continue;
          const float distance = outline.distance[node];
          const float away =
              std::pow(static_cast<float>(i) - column, 2.0f) + std::pow(static_cast<float>(j) - row, 2.0f);
          // Close to the outline the quotient of two small numbers is unreliable, so it counts less.
          const float trust = std::pow(std::min(distance / height.spacing, 1.0f), 2.0f);
          const float weight = std::exp(-away / 2) * trust;
          sum += weight * (height.values[node] / std::max(distance, 1e-6f) + kBend * distance);
          weights += weight;
        }
      }
      slopes[s] = weights > 0 ? sum / weights : height.spacing;
    }
  });
  return slopes;
}

/// u of a strip of half width 1 at a distance from its outline, which is negative outside; beyond the crest
/// it keeps the crest's height.
float edge_of_strip(float distance) {
  if (distance < 0) return kSource * distance;
  const float to_crest = std::max(1 - distance, 0.0f);
  return kSource / 2 * (1 - to_crest * to_crest);
}

}  // namespace

Inflation inflate_outline(const PlaneGrid& level, float depth, float thinnest, const Control& control) {
  PlaneGrid height = solve_poisson(level, control);
  const Outline outline = trace_outline(level);
  const std::vector<float> slopes = outline_slopes(height, outline);
  const float highest = std::sqrt(std::ranges::max(height.values));
  depth = std::min(depth, 1 / highest);
  const float radius = thinnest / 2;
  const float roundness = std::max(0.0f, 1 - depth * depth) * radius * radius;
  for (size_t i = 0; i < height.values.size(); ++i) {
    const bool is_inside = level.values[i] > 0;
    const float distance = outline.distance[i];
    float& value = height.values[i];
    if (!is_inside) value = -distance * (slopes[outline.nearest[i]] + kBend * distance);
    value *= depth * depth;
    if (roundness > 0) value += roundness * edge_of_strip((is_inside ? distance : -distance) / radius);
  }
  control.step(1);
  return {std::move(height), depth};
}

}  // namespace relievo

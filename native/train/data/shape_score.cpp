#include "train/data/shape_score.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/vectors.h"
#include "train/data/random.h"
#include "train/data/rays.h"
#include "train/data/surface_points.h"
#include "train/data/winding.h"

namespace relievo {
namespace {

constexpr float kNever = std::numeric_limits<float>::infinity();

Float3 shifted(const Float3& p, const Float3& along, float by) {
  return {p[0] + by * along[0], p[1] + by * along[1], p[2] + by * along[2]};
}

/// Points of a surface that a ray leaves from, on either side.
std::vector<Float3> seen_points(const Surface& surface, int count, Random& random) {
  const Rays rays(surface);
  const SurfacePoints places(surface);
  std::vector<Float3> points;
  constexpr int kTriesEach = 8, kRays = 24;
  for (int tries = 0; tries < kTriesEach * count && static_cast<int>(points.size()) < count; ++tries) {
    const auto [place, face] = places.draw(random);
    const Float3 normal = unit(area_normal(surface, surface.faces[face]));
    bool is_seen = false;
    for (int i = 0; i < 2 * kRays && !is_seen; ++i) {
      const Float3 side = scaled(normal, i % 2 == 0 ? 1.0f : -1.0f);
      is_seen = !rays.is_blocked(shifted(place, side, 1e-4f), random.cosine_direction(side), 0, kNever);
    }
    if (is_seen) points.push_back(place);
  }
  return points;
}

/// Finds the nearest of a set of points (Bentley 1975, k-d tree).
class NearestPoint {
 public:
  explicit NearestPoint(std::vector<Float3> points) : points_(std::move(points)) {
    sort(0, points_.size(), 0);
  }

  float distance(const Float3& from) const {
    float best = kNever;
    search(from, 0, points_.size(), 0, best);
    return std::sqrt(best);
  }

 private:
  void sort(size_t first, size_t last, size_t axis) {
    if (last - first < 2) return;
    const size_t middle = (first + last) / 2;
    std::nth_element(points_.begin() + static_cast<std::ptrdiff_t>(first),
                     points_.begin() + static_cast<std::ptrdiff_t>(middle),
                     points_.begin() + static_cast<std::ptrdiff_t>(last),
                     [axis](const Float3& a, const Float3& b) { return a[axis] < b[axis]; });
    sort(first, middle, (axis + 1) % 3);
    sort(middle + 1, last, (axis + 1) % 3);
  }

  void search(const Float3& from, size_t first, size_t last, size_t axis, float& best) const {
    if (first >= last) return;
    const size_t middle = (first + last) / 2;
    const Float3 off = minus(from, points_[middle]);
    best = std::min(best, dot(off, off));
    const bool is_below = off[axis] < 0;
    const size_t next = (axis + 1) % 3;
    is_below ? search(from, first, middle, next, best) : search(from, middle + 1, last, next, best);
    if (off[axis] * off[axis] >= best) return;
    is_below ? search(from, middle + 1, last, next, best) : search(from, first, middle, next, best);
  }

  std::vector<Float3> points_;
};

struct Cloud {
  std::vector<Float3> points;
  NearestPoint tree;
  explicit Cloud(const std::vector<Float3>& given) : points(given), tree(given) {}
};

/// Distances from one cloud's points, moved, to the other's; every `stride`-th point.
std::vector<float> distances(const Cloud& from, const Cloud& to, const Float3& along, float by,
                             size_t stride) {
  std::vector<float> result;
  for (size_t i = 0; i < from.points.size(); i += stride) {
    result.push_back(to.tree.distance(shifted(from.points[i], along, by)));
  }
  return result;
}

double mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double share_below(const std::vector<float>& values, float limit) {
  return static_cast<double>(std::ranges::count_if(values, [&](float v) { return v < limit; })) /
         static_cast<double>(values.size());
}

/// The shift of least chamfer distance: first in steps over a whole length, then finer about the best.
float best_shift(const Cloud& made, const Cloud& truth, const Float3& along) {
  constexpr size_t kStride = 16;
  const auto loss = [&](float by) {
    return mean(distances(made, truth, along, by, kStride)) +
           mean(distances(truth, made, along, -by, kStride));
  };
  const auto middle_of = [&](const Cloud& cloud) {
    std::vector<float> places;
    for (const Float3& p : cloud.points) places.push_back(dot(p, along));
    const auto [low, high] = std::ranges::minmax(places);
    return (low + high) / 2;
  };
  float best = middle_of(truth) - middle_of(made);
  double least = loss(best);
  for (float step = 0.08f; step > 0.002f; step /= 2) {
    const int reach = step == 0.08f ? 6 : 1;
    const float centre = best;
    for (int i = -reach; i <= reach; ++i) {
      const float by = centre + step * static_cast<float>(i);
      const double now = loss(by);
      if (now < least) {
        least = now;
        best = by;
      }
    }
  }
  return best;
}

double overlap_of(const Surface& made, const Surface& truth, const Float3& along, float by) {
  constexpr int kSide = 64;
  const WindingNumber in_made(made), in_truth(truth);
  Float3 low = truth.vertices[static_cast<size_t>(truth.faces[0][0])], high = low;
  for (const Int3& face : truth.faces) {
    for (const int32_t v : face) {
      for (size_t axis = 0; axis < 3; ++axis) {
        low[axis] = std::min(low[axis], truth.vertices[v][axis]);
        high[axis] = std::max(high[axis], truth.vertices[v][axis]);
      }
    }
  }
  int64_t both = 0, either = 0;
  for (int i = 0; i < kSide * kSide * kSide; ++i) {
    const std::array<int, 3> cell{i % kSide, i / kSide % kSide, i / kSide / kSide};
    Float3 place{};
    for (size_t axis = 0; axis < 3; ++axis) {
      place[axis] = low[axis] + (static_cast<float>(cell[axis]) + 0.5f) / kSide * (high[axis] - low[axis]);
    }
    const bool a = in_made.at(shifted(place, along, -by)) > 0.5, b = in_truth.at(place) > 0.5;
    both += a && b;
    either += a || b;
  }
  return either > 0 ? static_cast<double>(both) / static_cast<double>(either) : 0;
}

}  // namespace

ShapeScore score_shape(const Surface& made, const Surface& truth, const Float3& along, uint64_t seed) {
  constexpr int kPoints = 20'000;
  Random random(seed);
  const std::vector<Float3> true_points =
      truth.faces.empty() ? std::vector<Float3>() : seen_points(truth, kPoints, random);
  if (true_points.empty()) {
    throw Error(ErrorCode::kEmptySurface, "Nothing of the true shape is seen from outside.",
                "Leave the object out.");
  }
  ShapeScore score{.chamfer = kNever};
  if (made.faces.empty()) return score;
  const Cloud own(seen_points(made, kPoints, random)), other(true_points);
  const float by = best_shift(own, other, along);
  const std::vector<float> there = distances(own, other, along, by, 1),
                           back = distances(other, own, along, -by, 1);
  score.chamfer = mean(there) + mean(back);
  const auto f_score = [&](float limit) {
    const double precision = share_below(there, limit), recall = share_below(back, limit);
    return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
  };
  score.f02 = f_score(0.02f);
  score.f05 = f_score(0.05f);
  score.shift = by;
  score.overlap = overlap_of(made, truth, along, by);
  return score;
}

}  // namespace relievo

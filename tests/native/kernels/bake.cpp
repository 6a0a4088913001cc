#include "kernels/bake.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "kernels/mesh_tree.h"
#include "kernels/tiles.h"

namespace relievo::kernels {
namespace {

/// Random triangles in a picture of 50 x 50, some reaching out of it, one without an area.
class UvRasterKernel : public testing::Test {
 protected:
  static constexpr int kSize = 50;
  static constexpr int64_t kTexels = kSize * kSize;

  UvRasterKernel() {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> at(-5, 55), step(-6, 6);
    for (int f = 0; f < 60; ++f) {
      const float x = at(random), y = at(random);
      for (int c = 0; c < 3; ++c) {
        corners_.push_back(x + step(random));
        corners_.push_back(y + step(random));
      }
    }
    std::fill_n(corners_.begin(), 6, 20.0f);
  }

  UvRaster raster(float reach) {
    tiles_ = list_by_tile(corners_.data(), static_cast<int64_t>(corners_.size()) / 6, kSize, kSize, reach);
    coverage_.assign(kTexels, 99);
    face_.assign(kTexels, 99);
    weights_.assign(2 * kTexels, 99);
    return {.corners = corners_.data(),
            .tiles = tiles_.lists(),
            .size = kSize,
            .first_row = 0,
            .reach = reach,
            .coverage = coverage_.data(),
            .face = face_.data(),
            .weights = weights_.data()};
  }

  /// Distance of a point to a triangle: to the nearest point of its sides; 0 inside.
  double distance(int face, double x, double y) const {
    const float* c = &corners_[6 * static_cast<size_t>(face)];
    double best = 1e30;
    bool left = true, right = true;
    for (int i = 0; i < 3; ++i) {
      const float *a = c + 2 * i, *b = c + (2 * i + 2) % 6;
      const double side = (double{b[0]} - a[0]) * (y - a[1]) - (double{b[1]} - a[1]) * (x - a[0]);
      left &= side >= 0;
      right &= side <= 0;
      // The point where the perpendicular from the point meets the side, or the end that is nearer.
      const double u = double{b[0]} - a[0], v = double{b[1]} - a[1], squared = u * u + v * v;
      const double t = squared > 0 ? std::clamp(((x - a[0]) * u + (y - a[1]) * v) / squared, 0.0, 1.0) : 0;
      best = std::min(best, std::hypot(a[0] + t * u - x, a[1] + t * v - y));
    }
    const bool has_area = std::abs((c[2] - c[0]) * (c[5] - c[1]) - (c[3] - c[1]) * (c[4] - c[0])) > 0;
    return has_area && (left || right) ? 0 : has_area ? best : 1e30;
  }

  std::vector<float> corners_;
  Tiles tiles_;
  std::vector<uint8_t> coverage_;
  std::vector<int32_t> face_;
  std::vector<float> weights_;
};

TEST_F(UvRasterKernel, FindsTheLowestFaceAroundEachCentre) {
  find_texels_cpu(raster(1.5f), kSize);
  const int faces = static_cast<int>(corners_.size() / 6);
  for (int i = 0; i < kTexels; ++i) {
    const double x = i % kSize + 0.5, y = i / kSize + 0.5;
    double nearest = 1e30;
    int inside = -1;
    for (int f = faces - 1; f >= 0; --f) {
      const double d = distance(f, x, y);
      if (d == 0) inside = f;
      nearest = std::min(nearest, d);
    }
    if (inside >= 0) {
      ASSERT_EQ(coverage_[i], kInside);
      ASSERT_EQ(face_[i], inside);
    } else if (nearest < 1.4999) {
      ASSERT_EQ(coverage_[i], kRim);
      ASSERT_NEAR(distance(face_[i], x, y), nearest, 1e-4);
    } else if (nearest > 1.5001) {
      ASSERT_EQ(coverage_[i], kNothing);
      ASSERT_EQ(face_[i], -1);
    }
  }
}

TEST_F(UvRasterKernel, WeighsCornersSoThatTheyGiveThePointBack) {
  find_texels_cpu(raster(1.5f), kSize);
  int rim = 0;
  for (int i = 0; i < kTexels; ++i) {
    if (coverage_[i] == kNothing) continue;
    const float* c = &corners_[6 * static_cast<size_t>(face_[i])];
    const float w1 = weights_[2 * i], w2 = weights_[2 * i + 1], w0 = 1 - w1 - w2;
    const double off = std::hypot(w0 * c[0] + w1 * c[2] + w2 * c[4] - (i % kSize + 0.5),
                                  w0 * c[1] + w1 * c[3] + w2 * c[5] - (i / kSize + 0.5));
    ASSERT_TRUE(w0 >= -1e-6f && w1 >= -1e-6f && w2 >= -1e-6f);
    if (coverage_[i] == kInside) {
      ASSERT_LT(off, 1e-3);
    } else {
      ASSERT_LT(off, 1.5001);
      ++rim;
    }
  }
  EXPECT_GT(rim, 50);
}

TEST_F(UvRasterKernel, GivesTheSameByTheCudaLauncher) {
  find_texels_cpu(raster(1.5f), kSize);
  const auto coverage = coverage_;
  const auto face = face_;
  const auto weights = weights_;
  find_texels_cuda(raster(1.5f), kSize, nullptr);
  EXPECT_EQ(coverage, coverage_);
  EXPECT_EQ(face, face_);
  EXPECT_EQ(weights, weights_);
}

TEST_F(UvRasterKernel, GivesEveryTexelOfASharedEdgeToOneFaceOrTheOther) {
  // Two triangles that make up the square 10..20, its diagonal through texel centres.
  corners_ = {10, 10, 20, 10, 20, 20, 10, 10, 20, 20, 10, 20};
  find_texels_cpu(raster(0), kSize);
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x < kSize; ++x) {
      const bool in_square = x >= 10 && x < 20 && y >= 10 && y < 20;
      ASSERT_EQ(coverage_[y * kSize + x], in_square ? kInside : kNothing) << x << " " << y;
    }
  }
}

TEST_F(UvRasterKernel, LeavesOutCornersThatAreNotNumbers) {
  corners_ = {10, 10,  std::numeric_limits<float>::quiet_NaN(), 10, 20, 20, -1000, -1000, 1000, -1000,
              0,  2000};
  find_texels_cpu(raster(1.5f), kSize);
  EXPECT_EQ(coverage_[15 * kSize + 15], kInside);  // of the second, which reaches far out
  corners_.resize(6);
  find_texels_cpu(raster(1.5f), kSize);
  EXPECT_EQ(*std::ranges::max_element(coverage_), kNothing);
}

TEST(DepthRasterKernel, KeepsTheNearestByBothLaunchers) {
  std::mt19937 random(9);
  std::uniform_real_distribution<float> at(-5, 55), near(0, 1);
  constexpr int kFaces = 40, kWidth = 48, kHeight = 40;
  std::vector<float> corners(6 * kFaces), nears(3 * kFaces);
  for (float& c : corners) c = at(random);
  for (float& n : nears) n = near(random);
  const Tiles tiles = list_by_tile(corners.data(), kFaces, kWidth, kHeight, 0);
  std::vector<float> nearest(kWidth * kHeight, 99), launched(kWidth * kHeight, 99);
  DepthRaster raster{corners.data(), nears.data(), tiles.lists(), kWidth, nearest.data(), -7};
  find_depths_cpu(raster, kHeight);
  raster.nearest = launched.data();
  find_depths_cuda(raster, kHeight, nullptr);
  EXPECT_EQ(nearest, launched);
  int covered = 0;
  for (int i = 0; i < kWidth * kHeight; ++i) {
    float expected = -7;
    for (int f = 0; f < kFaces; ++f) {
      float w1 = 0, w2 = 0;
      if (!barycentric(&corners[6 * f], static_cast<float>(i % kWidth) + 0.5f,
                       static_cast<float>(i / kWidth) + 0.5f, w1, w2)) {
        continue;
      }
      if (w1 < 0 || w2 < 0 || w1 + w2 > 1) continue;
      expected =
          std::max(expected, (1 - w1 - w2) * nears[3 * f] + w1 * nears[3 * f + 1] + w2 * nears[3 * f + 2]);
    }
    ASSERT_NEAR(nearest[i], expected, 1e-6f);
    covered += expected > -7;
  }
  EXPECT_GT(covered, 500);
}

/// A hilly square, points and directions above and below it.
class DetailKernel : public testing::Test {
 protected:
  static constexpr int kSteps = 20;
  static constexpr int64_t kCount = 400;

  DetailKernel() {
    std::mt19937 random(2);
    std::uniform_real_distribution<float> noise(-0.1f, 0.1f), at(-1.1f, 1.1f), tilt(-0.3f, 0.3f);
    for (int row = 0; row <= kSteps; ++row) {
      for (int column = 0; column <= kSteps; ++column) {
        vertices_.insert(vertices_.end(),
                         {2.0f * column / kSteps - 1, 2.0f * row / kSteps - 1, noise(random)});
        normals_.insert(normals_.end(), {noise(random), noise(random), 1});
      }
    }
    for (int row = 0; row < kSteps; ++row) {
      for (int column = 0; column < kSteps; ++column) {
        const int a = row * (kSteps + 1) + column, b = a + 1, c = a + kSteps + 1, d = c + 1;
        faces_.insert(faces_.end(), {a, b, d, a, d, c});
      }
    }
    for (int64_t i = 0; i < kCount; ++i) {
      points_.insert(points_.end(), {at(random), at(random), tilt(random)});
      const float x = tilt(random), y = tilt(random), size = std::sqrt(x * x + y * y + 1);
      directions_.insert(directions_.end(), {x / size, y / size, 1 / size});
    }
    tree_ = build_tree(vertices_.data(), faces_.data(), static_cast<int64_t>(faces_.size()) / 3);
  }

  DetailSearch search(std::vector<float>& result, float reach = 0.3f) {
    result.assign(3 * kCount, 99);
    return {tree_.nodes.data(), tree_.order.data(), faces_.data(), vertices_.data(), normals_.data(),
            points_.data(),     directions_.data(), reach,         result.data()};
  }

  /// The same with every face tried.
  std::vector<float> by_trying_all(float reach) {
    std::vector<float> result;
    DetailSearch s = search(result, reach);
    for (int64_t i = 0; i < kCount; ++i) {
      Nearest best;
      for (int pass = 0; pass < 2 && best.face < 0; ++pass) {
        best.distance = pass == 0 ? reach : reach * reach;
        for (int32_t f = 0; f < static_cast<int32_t>(faces_.size()) / 3; ++f) {
          pass == 0 ? try_line(s, f, &points_[3 * i], &directions_[3 * i], best)
                    : try_point(s, f, &points_[3 * i], &directions_[3 * i], best);
        }
      }
      hits_ += best.face >= 0;
      float normal[3], length = 0;
      for (int axis = 0; axis < 3; ++axis) {
        normal[axis] = directions_[3 * i + axis];
        if (best.face >= 0) {
          const int32_t* c = &faces_[3 * static_cast<size_t>(best.face)];
          normal[axis] = (1 - best.w1 - best.w2) * normals_[3 * c[0] + axis] +
                         best.w1 * normals_[3 * c[1] + axis] + best.w2 * normals_[3 * c[2] + axis];
        }
        length += normal[axis] * normal[axis];
      }
      for (int axis = 0; axis < 3; ++axis) result[3 * i + axis] = normal[axis] / std::sqrt(length);
    }
    return result;
  }

  std::vector<float> vertices_, normals_, points_, directions_;
  std::vector<int32_t> faces_;
  MeshTree tree_;
  int hits_ = 0;
};

TEST_F(DetailKernel, FindsWhatTryingEveryFaceFinds) {
  for (const float reach : {0.05f, 0.3f}) {
    std::vector<float> result;
    find_detail_cpu(search(result, reach), kCount);
    const std::vector<float> expected = by_trying_all(reach);
    for (size_t i = 0; i < result.size(); ++i) ASSERT_NEAR(result[i], expected[i], 1e-5f) << i;
  }
  EXPECT_GT(hits_, 300);
}

TEST_F(DetailKernel, GivesTheSameByTheCudaLauncher) {
  std::vector<float> result, launched;
  find_detail_cpu(search(result), kCount);
  find_detail_cuda(search(launched), kCount, nullptr);
  EXPECT_EQ(result, launched);
}

TEST(InterpolationKernel, GivesTheSameByTheCudaLauncher) {
  constexpr int64_t kPoints = 1003;
  std::mt19937 random(8);
  std::uniform_real_distribution<float> value(-1, 1), weight(0, 0.5f);
  std::uniform_int_distribution<int32_t> vertex(0, 49), face(0, 29);
  std::vector<int32_t> faces(90), face_of_point(kPoints);
  std::vector<float> values(150), weights(2 * kPoints), result(3 * kPoints, 99), launched(3 * kPoints, 99);
  for (int32_t& v : faces) v = vertex(random);
  for (int32_t& f : face_of_point) f = face(random);
  for (float& v : values) v = value(random);
  for (float& w : weights) w = weight(random);
  Interpolation points{faces.data(), values.data(), face_of_point.data(), weights.data(), result.data()};
  interpolate_cpu(points, kPoints);
  points.result = launched.data();
  interpolate_cuda(points, kPoints, nullptr);
  EXPECT_EQ(result, launched);
  const int32_t* corner = &faces[3 * static_cast<size_t>(face_of_point[7])];
  const float w1 = weights[14], w2 = weights[15];
  EXPECT_NEAR(result[21],
              (1 - w1 - w2) * values[3 * corner[0]] + w1 * values[3 * corner[1]] + w2 * values[3 * corner[2]],
              1e-6f);
}

TEST(MeshTree, HoldsEveryFaceInItsBoxes) {
  // Many faces at one place too, which no plane divides.
  std::vector<float> vertices(300, 0.5f);
  std::mt19937 random(4);
  std::uniform_real_distribution<float> at(-1, 1);
  for (size_t i = 150; i < vertices.size(); ++i) vertices[i] = at(random);
  std::vector<int32_t> faces;
  std::uniform_int_distribution<int32_t> vertex(0, 99);
  for (int i = 0; i < 3000; ++i) faces.push_back(vertex(random) / (i < 1500 ? 2 : 1));
  const MeshTree tree = build_tree(vertices.data(), faces.data(), 1000);
  std::vector<int> seen(1000, 0);
  for (const TreeNode& node : tree.nodes) {
    ASSERT_LE(node.count, 4);
    for (int32_t i = node.first; i < node.first + node.count; ++i) {
      ++seen[tree.order[i]];
      for (int corner = 0; corner < 3; ++corner) {
        for (int axis = 0; axis < 3; ++axis) {
          const float c = vertices[3 * faces[3 * tree.order[i] + corner] + axis];
          ASSERT_TRUE(c >= node.low[axis] && c <= node.high[axis]);
        }
      }
    }
  }
  EXPECT_EQ(std::ranges::count(seen, 1), 1000);
}

TEST(MeshTree, IsEmptyWithoutFaces) { EXPECT_TRUE(build_tree(nullptr, nullptr, 0).nodes.empty()); }

}  // namespace
}  // namespace relievo::kernels

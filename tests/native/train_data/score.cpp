#include <cmath>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "train/data/shape_score.h"
#include "train/data/shapes.h"
#include "train/data/winding.h"

namespace relievo {
namespace {

Surface shifted(Surface surface, const Float3& by) {
  for (Float3& v : surface.vertices) v = {v[0] + by[0], v[1] + by[1], v[2] + by[2]};
  return surface;
}

TEST(WindingNumber, IsOneInsideAndNoneOutside) {
  const Surface ball = superquadric({0.5f, 0.5f, 0.5f}, 1, 1);
  const WindingNumber winding(ball);
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    const Float3 direction = random.direction();
    EXPECT_NEAR(winding.at(scaled(direction, random.between(0, 0.45f))), 1, 0.05);
    EXPECT_NEAR(winding.at(scaled(direction, random.between(0.55f, 2))), 0, 0.05);
  }
}

TEST(WindingNumber, IsTheShareOfTheViewThatASheetCovers) {
  Surface square;
  square.vertices = {{-1, -1, 0}, {1, -1, 0}, {1, 1, 0}, {-1, 1, 0}};
  square.faces = {{0, 1, 2}, {0, 2, 3}};
  // A cube's side is a sixth of what its middle sees; from the front it is negative.
  EXPECT_NEAR(WindingNumber(square).at({0, 0, -1}), 1.0 / 6, 1e-6);
  EXPECT_NEAR(WindingNumber(square).at({0, 0, 1}), -1.0 / 6, 1e-6);
}

TEST(ShapeScore, TheSameShapeElsewhereAlongTheAxisIsPerfect) {
  const Surface truth = box({0.5f, 0.3f, 0.2f});
  const ShapeScore score = score_shape(shifted(truth, {0.3f, 0, 0}), truth, {1, 0, 0}, 1);
  EXPECT_NEAR(score.shift, -0.3, 0.01);
  EXPECT_GT(score.overlap, 0.96);
  EXPECT_LT(score.chamfer, 0.02);  // two draws of points are that far apart
  EXPECT_GT(score.f02, 0.99);
}

TEST(ShapeScore, AcrossTheAxisNothingIsAligned) {
  const Surface truth = box({0.5f, 0.25f, 0.25f});
  const ShapeScore score = score_shape(shifted(truth, {0, 0.25f, 0}), truth, {1, 0, 0}, 1);
  EXPECT_NEAR(score.overlap, 0.5, 0.02);  // half of the true box is covered, and beyond it nothing counts
  EXPECT_LT(score.f05, 0.9);
}

TEST(ShapeScore, IsThatOfTheFormulasForParallelPlates) {
  // Thin plates 0.1 apart, compared along an axis in which they cannot be aligned.
  const Surface truth = box({0.5f, 0.5f, 0.002f}), made = shifted(truth, {0, 0, 0.1f});
  const ShapeScore score = score_shape(made, truth, {1, 0, 0}, 2);
  EXPECT_NEAR(score.chamfer, 0.2, 0.01);
  EXPECT_EQ(score.f05, 0);
  EXPECT_EQ(score.overlap, 0);
}

TEST(ShapeScore, WhatIsHiddenDoesNotCount) {
  Surface filled = box({0.5f, 0.5f, 0.5f});
  const Surface inner = box({0.45f, 0.45f, 0.45f});
  for (const Int3& face : inner.faces) filled.faces.push_back({face[0] + 24, face[1] + 24, face[2] + 24});
  filled.vertices.insert(filled.vertices.end(), inner.vertices.begin(), inner.vertices.end());
  // Of 20,000 points on a cube of side 1 one in 66 has none of another 20,000 within 0.02. If the inner cube
  // counted, four points of nine would lie 0.05 off.
  EXPECT_GT(score_shape(filled, box({0.5f, 0.5f, 0.5f}), {1, 0, 0}, 1).f02, 0.975);
}

TEST(ShapeScore, NothingScoresNothing) {
  const ShapeScore score = score_shape({}, box({0.5f, 0.5f, 0.5f}), {1, 0, 0}, 1);
  EXPECT_EQ(score.overlap, 0);
  EXPECT_EQ(score.f05, 0);
  EXPECT_TRUE(std::isinf(score.chamfer));
  expect_error(ErrorCode::kEmptySurface, "true shape", [] { score_shape({}, {}, {1, 0, 0}, 1); });
}

}  // namespace
}  // namespace relievo

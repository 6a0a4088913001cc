#include "reconstruct/extruded_mask.h"

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "silhouettes.h"

namespace relievo {
namespace {

std::unique_ptr<Field> plate_of(const Silhouette& shape, float depth = 1, Image back = {}) {
  return extrude({seen(Side::kFront, shape, 1024).picture, {}}, {.depth = depth}, Execution{},
                 std::move(back));
}

TEST(Extrusion, IsAsThickEverywhere) {
  const auto field = plate_of(disc(0.8f));
  for (const float y : {0.0f, 0.3f, 0.6f, 0.7f}) {
    EXPECT_NEAR(value_at(*field, kPlateHalf, y, 0), 0, 0.002f) << y;
    EXPECT_NEAR(value_at(*field, -kPlateHalf, y, 0), 0, 0.002f) << y;
    EXPECT_NEAR(value_at(*field, kPlateHalf + 0.05f, y, 0), 0.05f, 0.002f) << y;
  }
  EXPECT_LT(value_at(*field, 0, 0, 0), -0.1f);
}

TEST(Extrusion, HasItsOutlineInTheMiddleAndARoundEdge) {
  const auto field = plate_of(disc(0.8f));
  EXPECT_NEAR(value_at(*field, 0, 0.8f, 0), 0, 0.004f);
  EXPECT_NEAR(value_at(*field, 0, 0.9f, 0), 0.1f, 0.006f);
  // The bevel is a quarter circle: at 45 degrees it is a bevel times 1 - cos 45 degrees inside the corner.
  const float bevel = kPlateHalf / 3, inset = bevel * (1 - std::sqrt(0.5f));
  EXPECT_NEAR(value_at(*field, kPlateHalf - inset, 0.8f - inset, 0), 0, 0.004f);
  EXPECT_GT(value_at(*field, kPlateHalf - 0.3f * inset, 0.8f - 0.3f * inset, 0), 0.005f);
}

TEST(Extrusion, FollowsDepthAndKeepsHolesAndThinParts) {
  const auto ring = plate_of(without(disc(0.8f), disc(0.4f)), 2);
  EXPECT_NEAR(value_at(*ring, 2 * kPlateHalf, 0.6f, 0), 0, 0.003f);
  EXPECT_GT(value_at(*ring, 0, 0, 0), 0.3f);
  // A stem of 0.02 is narrower than its bevels, and there.
  const auto stem = plate_of(either(disc(0.3f, 0, -0.5f), rectangle(-0.01f, 0.01f, -0.5f, 0.8f)));
  for (float z = -0.2f; z < 0.75f; z += 0.05f) EXPECT_LT(value_at(*stem, 0, 0, z), 0) << z;
}

TEST(Extrusion, HasTheColoursOfFrontAndBack) {
  const auto field = plate_of(disc(0.8f), 1, Image(4, 4, 3, 0.9f));
  const auto colour = [&](float x) {
    return field->colours(at::tensor({x, 0.1f, 0.1f}).view({1, 3}))[0][0].item<float>();
  };
  EXPECT_NEAR(colour(0.1f), 0.5f, 0.01f);
  EXPECT_NEAR(colour(-0.1f), 0.9f, 0.01f);
}

TEST(Extrusion, RefusesAnEmptyPicture) {
  expect_error(ErrorCode::kNoSubject, "", [] { extrude({Image(64, 64, 4, 0), {}}, {}, Execution{}); });
}

}  // namespace
}  // namespace relievo

#include "kernels/distance_transform.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

TEST(DistanceTransform, EqualsTheNearestOfAllTargets) {
  constexpr int kWidth = 41, kHeight = 29;
  std::vector<uint8_t> targets(kWidth * kHeight, 0);
  for (size_t i = 5; i < targets.size(); i += 97 + i % 13) targets[i] = 1;
  const std::vector<float> distance = distance_transform(targets, kWidth, kHeight);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      float nearest = kNoTarget;
      for (int i = 0; i < kWidth * kHeight; ++i) {
        if (targets[i])
          nearest = std::min(nearest, static_cast<float>(std::hypot(i % kWidth - x, i / kWidth - y)));
      }
      ASSERT_FLOAT_EQ(distance[y * kWidth + x], nearest) << x << ' ' << y;
    }
  }
}

TEST(DistanceTransform, SaysWhenThereIsNoTarget) {
  EXPECT_EQ(distance_transform(std::vector<uint8_t>(12, 0), 4, 3), std::vector<float>(12, kNoTarget));
}

}  // namespace
}  // namespace relievo::kernels

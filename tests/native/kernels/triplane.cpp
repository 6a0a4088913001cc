#include "kernels/triplane.h"

#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

/// Random planes and points, some of them outside the planes.
class TriplaneKernel : public testing::Test {
 protected:
  static constexpr int kChannels = 5, kHeight = 7, kWidth = 6;
  static constexpr int64_t kCount = 501;

  TriplaneKernel() {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> value(-1, 1), coordinate(-1.3f, 1.3f);
    for (float& texel : planes_) texel = value(random);
    for (float& c : points_) c = coordinate(random);
  }

  TriplaneSampling sampling(std::vector<float>& features) {
    return {planes_.data(), points_.data(), features.data(), kCount, kChannels, kHeight, kWidth};
  }

  std::vector<float> planes_ = std::vector<float>(3 * kHeight * kWidth * kChannels);
  std::vector<float> points_ = std::vector<float>(3 * kCount);
  std::vector<float> features_ = std::vector<float>(3 * kCount * kChannels, -99);
};

TEST_F(TriplaneKernel, GivesTheSameByTheCudaLauncher) {
  sample_triplane_cpu(sampling(features_));
  std::vector<float> launched(features_.size(), -99);
  sample_triplane_cuda(sampling(launched), nullptr);
  EXPECT_EQ(features_, launched);
}

TEST_F(TriplaneKernel, ReadsATexelAtItsCentre) {
  // The centre of texel (row 2, column 4), seen by plane 0 at x = u, y = v.
  points_[0] = (2 * 4 + 1) / static_cast<float>(kWidth) - 1;
  points_[1] = (2 * 2 + 1) / static_cast<float>(kHeight) - 1;
  sample_triplane_cpu(sampling(features_));
  for (int c = 0; c < kChannels; ++c)
    EXPECT_NEAR(features_[c], planes_[(2 * kWidth + 4) * kChannels + c], 1e-6);
}

TEST_F(TriplaneKernel, EachPlaneSeesItsOwnTwoAxes) {
  // Moving along z changes planes 1 (x, z) and 2 (z, y), and leaves plane 0 (x, y).
  points_[0] = points_[1] = points_[2] = 0.1f;
  sample_triplane_cpu(sampling(features_));
  const std::vector<float> here(features_.begin(), features_.begin() + 3 * kChannels);
  points_[2] = 0.4f;
  sample_triplane_cpu(sampling(features_));
  for (int c = 0; c < kChannels; ++c) EXPECT_EQ(features_[c], here[c]);
  EXPECT_NE(features_[kChannels], here[kChannels]);
  EXPECT_NE(features_[2 * kChannels], here[2 * kChannels]);
}

TEST_F(TriplaneKernel, FarOutsideAndNotANumberReadZero) {
  const float bad[] = {1e30f, -1e30f, std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(), 3.0f};
  for (int i = 0; i < 5; ++i) points_[3 * i] = points_[3 * i + 1] = points_[3 * i + 2] = bad[i];
  sample_triplane_cpu(sampling(features_));
  for (int i = 0; i < 5 * 3 * kChannels; ++i) EXPECT_EQ(features_[i], 0) << i;
}

}  // namespace
}  // namespace relievo::kernels

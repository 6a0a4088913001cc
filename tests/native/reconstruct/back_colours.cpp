#include "reconstruct/back_colours.h"

#include <gtest/gtest.h>

#include "base/mesh.h"
#include "reconstruct/inflated_mask.h"
#include "silhouettes.h"

namespace relievo {
namespace {

using Paint = std::function<Float3(float, float)>;

/// A disc of radius 0.85, painted by (right, up).
Image painted(const Paint& paint, const Silhouette& shape = disc(0.85f)) {
  Image picture = seen(Side::kFront, shape, 256).picture;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const Float3 colour =
          paint(-1 + (static_cast<float>(x) + 0.5f) / 128, 1 - (static_cast<float>(y) + 0.5f) / 128);
      std::copy_n(colour.data(), 3, picture.pixel(x, y));
    }
  }
  return picture;
}

const Float3 kHair{0.4f, 0.3f, 0.1f}, kSkin{0.9f, 0.7f, 0.6f};

/// A face framed by hair, with eyes.
Float3 face(float right, float up) {
  if (std::hypot(std::abs(right) - 0.2f, up - 0.1f) < 0.08f) return {0.05f, 0.05f, 0.2f};
  return std::hypot(right, up) < 0.6f ? kSkin : kHair;
}

TEST(BackColours, ContinueTheOutlineWithoutTheFace) {
  const Image back = continue_outline(painted(face), {});
  for (int y = 0; y < back.height; ++y) {
    for (int x = 0; x < back.width; ++x) {
      for (int c = 0; c < 3; ++c)
        ASSERT_NEAR(back.pixel(x, y)[c], kHair[static_cast<size_t>(c)], 0.02f) << x << ' ' << y;
    }
  }
}

TEST(BackColours, PassSmoothlyFromOneSideToTheOther) {
  const Image back = continue_outline(painted([](float right, float) {
                                        return Float3{(right + 1) / 2, 0, 0};
                                      }),
                                      {});
  for (int x = 60; x < 196; ++x) {
    EXPECT_NEAR(back.pixel(x, 128)[0], (static_cast<float>(x) + 0.5f) / 256, 0.15f);
    EXPECT_LT(std::abs(back.pixel(x, 128)[0] - back.pixel(x - 1, 128)[0]), 0.03f);
  }
}

TEST(BackColours, KeepThinPartsAsTheyAre) {
  const auto stripes = [](float, float up) { return Float3{up > 0 ? 0.9f : 0.1f, 0.5f, 0.5f}; };
  const Image back = continue_outline(painted(stripes, rectangle(-0.04f, 0.04f, -0.85f, 0.85f)), {});
  EXPECT_NEAR(back.pixel(128, 60)[0], 0.9f, 0.02f);
  EXPECT_NEAR(back.pixel(128, 200)[0], 0.1f, 0.02f);
}

TEST(BackColours, KnowAFaceFromACoat) {
  EXPECT_TRUE(has_features_inside(painted(face)));
  EXPECT_FALSE(has_features_inside(painted([](float, float) { return kHair; })));
  const auto stripes = [](float right, float) {
    const float wave = 0.5f + 0.4f * std::sin(right * 30);
    return Float3{wave, wave, 0.2f};
  };
  EXPECT_FALSE(has_features_inside(painted(stripes)));
  // Seen from the side, an animal's other side is its mirror image.
  const Silhouette bird = either(disc(0.5f, -0.2f, -0.2f), rectangle(-0.2f, 0.8f, 0.1f, 0.4f));
  EXPECT_FALSE(has_features_inside(painted(face, bird)));
}

TEST(BackColours, AreBehindThePicturesPlaneAlone) {
  const Image front = painted(face);
  const auto field = inflate({front, {}}, {}, Execution{}, continue_outline(front, {}));
  const at::Tensor colours = field->colours(at::tensor({0.5f, 0.0f, 0.3f, -0.5f, 0.0f, 0.3f}).view({2, 3}));
  EXPECT_NEAR(colours[0][0].item<float>(), kSkin[0], 0.02f);
  EXPECT_NEAR(colours[1][0].item<float>(), kHair[0], 0.02f);
}

}  // namespace
}  // namespace relievo

#include "texture/shading_detail.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/vectors.h"
#include "base/vertex_normals.h"

namespace relievo {
namespace {

constexpr int kSide = 256;

/// A wall that faces the picture, or a ball bulging from it: x over (y, z).
Surface front(const std::function<float(float, float)>& height) {
  constexpr int kCells = 64;
  Surface surface;
  for (int i = 0; i <= kCells; ++i) {
    for (int k = 0; k <= kCells; ++k) {
      const float y = -0.8f + 1.6f * static_cast<float>(k) / kCells,
                  z = -0.8f + 1.6f * static_cast<float>(i) / kCells;
      surface.vertices.push_back({height(y, z), y, z});
    }
  }
  for (int i = 0; i < kCells; ++i) {
    for (int k = 0; k < kCells; ++k) {
      const int32_t a = i * (kCells + 1) + k, b = a + 1, c = a + kCells + 1, d = c + 1;
      surface.faces.push_back({a, b, d});
      surface.faces.push_back({a, d, c});
    }
  }
  return surface;
}

/// Linear light at places (y, z) of the picture, which shows -0.8..0.8.
Image picture_of(const std::function<Float3(float, float)>& light) {
  Image picture(kSide, kSide, 4);
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const float y = (static_cast<float>(column) + 0.5f) / (kSide / 2) - 1,
                  z = 1 - (static_cast<float>(row) + 0.5f) / (kSide / 2);
      if (std::abs(y) > 0.8f || std::abs(z) > 0.8f) continue;
      const Float3 linear = light(y, z);
      float* const pixel = picture.pixel(column, row);
      for (size_t c = 0; c < 3; ++c) pixel[c] = srgb_from_linear(linear[c]);
      pixel[3] = 1;
    }
  }
  return picture;
}

Float3 grey(float light) { return {light, light, light}; }

ShadingDetail detail_of(const Surface& surface, const Image& picture) {
  return {surface, vertex_normals(surface), picture, {}};
}

/// The z of a wavy wall's normal: waves of a tenth of the box that lie across.
float wave(float z) { return -0.3f * std::cos(20 * 3.14159265f * z); }

TEST(ShadingDetail, WavesThatLightFromAboveShowsTurnTheNormalsAsTheyAre) {
  const Surface wall = front([](float, float) { return 0.0f; });
  const auto detail = detail_of(wall, picture_of([](float, float z) {
                                  const Float3 n = unit({1, 0, wave(z)});
                                  return grey(0.5f * (0.6f + 0.36f * n[0] + 0.48f * n[2]));
                                }));
  double both = 0, own = 0, made = 0;
  for (int i = -60; i <= 60; ++i) {
    const std::array<float, 3> place{0, 0.1f, static_cast<float>(i) / 100}, normal{1, 0, 0};
    const Float3 turn = detail.at(place.data(), normal.data());
    const double wanted = unit({1, 0, wave(place[2])})[2];
    EXPECT_NEAR(turn[1], 0, 0.02);
    both += turn[2] * wanted;
    own += wanted * wanted;
    made += turn[2] * turn[2];
  }
  EXPECT_GT(both / std::sqrt(own * made), 0.95);  // the same places up, the same places down
  EXPECT_GT(both / own, 0.5);                     // and by about as much
  EXPECT_LT(both / own, 1.1);
}

TEST(ShadingDetail, PaintIsNoShape) {
  const Surface wall = front([](float, float) { return 0.0f; });
  const auto detail = detail_of(wall, picture_of([](float, float z) {
                                  return wave(z) > 0 ? Float3{0.6f, 0.1f, 0.1f} : Float3{0.35f, 0.35f, 0.35f};
                                }));
  for (int i = -60; i <= 60; ++i) {
    const std::array<float, 3> place{0, 0.1f, static_cast<float>(i) / 100}, normal{1, 0, 0};
    EXPECT_LT(length(detail.at(place.data(), normal.data())), 0.05f) << i;
  }
}

TEST(ShadingDetail, TheLightIsFittedToTheNormals) {
  // A bulge lit from the picture's right, with lighter and darker stripes that stand.
  const auto height = [](float y, float z) {
    return std::sqrt(std::max(1.44f - y * y - z * z, 0.1f)) - 0.9f;
  };
  const Surface bulge = front(height);
  const auto stripes = [](float y) { return 1 + 0.15f * std::cos(20 * 3.14159265f * y); };
  const auto detail = detail_of(bulge, picture_of([&](float y, float z) {
                                  const Float3 n = unit({height(y, z) + 0.9f, y, z});
                                  return grey(stripes(y) * (0.2f + 0.15f * n[0] + 0.3f * n[1]));
                                }));
  const auto turn_at = [&](float y) {
    const std::array<float, 3> place{height(y, 0), y, 0};
    const Float3 n = unit({place[0] + 0.9f, y, 0});
    return detail.at(place.data(), n.data());
  };
  EXPECT_GT(turn_at(0)[1], 0.05f);       // lighter: turned towards the light
  EXPECT_LT(turn_at(0.05f)[1], -0.05f);  // darker: away from it
  EXPECT_LT(std::abs(turn_at(0)[2]), 0.2f * turn_at(0)[1]);
}

TEST(ShadingDetail, WhatThePictureDoesNotSeeStaysAsItIs) {
  const Surface wall = front([](float, float) { return 0.0f; });
  const auto detail = detail_of(wall, picture_of([](float, float z) { return grey(0.5f + wave(z)); }));
  const std::array<float, 3> behind{-0.2f, 0, 0}, backwards{-1, 0, 0};
  EXPECT_EQ(detail.at(behind.data(), backwards.data()), (Float3{0, 0, 0}));
}

TEST(ShadingDetail, TakesSquareForegroundsOnly) {
  expect_error(ErrorCode::kInvalidImage, "256 x 100", [] { find_shading(Image(256, 100, 4)); });
  expect_error(ErrorCode::kInvalidImage, "3 channels", [] { find_shading(Image(64, 64, 3)); });
}

}  // namespace
}  // namespace relievo

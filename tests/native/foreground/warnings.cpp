#include "foreground/warnings.h"

#include <array>
#include <cmath>
#include <functional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "base/mesh.h"
#include "foreground/foreground.h"
#include "foreground/islands.h"

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> told(int width, int height, const std::vector<PixelBox>& boxes) {
  Image picture(width, height, 4, 0);
  for (const PixelBox& box : boxes) {
    for (int y = box.top; y < box.bottom; ++y)
      for (int x = box.left; x < box.right; ++x) std::fill_n(picture.pixel(x, y), 4, 1.0f);
  }
  const CutOut made =
      cut_out(std::move(picture), {.source = MaskSource::kAlpha, .side = 300}, {}, nullptr, {});
  return warnings_of(made.foreground, width, height);
}

TEST(Warnings, AreNoneForAWholeSubject) {
  EXPECT_THAT(told(200, 100, {{50, 10, 150, 90}}), IsEmpty());
  EXPECT_THAT(told(200, 100, {{50, 10, 150, 90}, {20, 20, 40, 40}}), IsEmpty());  // a saucer's spoon
}

TEST(Warnings, TellOfASubjectThatTheFrameCutsOff) {
  EXPECT_THAT(told(200, 100, {{0, 10, 150, 90}}), ElementsAre(HasSubstr("cut off by the left border of")));
  EXPECT_THAT(told(200, 100, {{120, 40, 200, 100}}),
              ElementsAre(HasSubstr("cut off by the right and the lower borders of")));
}

TEST(Warnings, AreNoneForAPictureThatWasTrimmed) {
  EXPECT_THAT(told(200, 100, {{0, 0, 200, 100}}), IsEmpty());
}

TEST(Warnings, TellOfATinySubject) {
  EXPECT_THAT(told(600, 400, {{300, 200, 340, 230}}), ElementsAre(HasSubstr("only 40 pixels large, 7 % of")));
}

TEST(Warnings, TellOfSeveralSubjects) {
  EXPECT_THAT(told(300, 100, {{10, 10, 80, 90}, {110, 12, 180, 90}, {210, 10, 280, 88}}),
              ElementsAre(HasSubstr("shows 3 separate subjects")));
}

/// A disc with a colour for each place.
Foreground disc_of(const std::function<Float3(int x, int y)>& colour, int pixels = 300) {
  Image picture(pixels, pixels, 4, 0);
  const float middle = static_cast<float>(pixels) / 2;
  for (int y = 0; y < pixels; ++y) {
    for (int x = 0; x < pixels; ++x) {
      if (std::hypot(static_cast<float>(x) - middle, static_cast<float>(y) - middle) > 0.4f * middle * 2)
        continue;
      const Float3 value = colour(x, y);
      std::copy_n(value.data(), 3, picture.pixel(x, y));
      picture.pixel(x, y)[3] = 1;
    }
  }
  return cut_out(std::move(picture), {.source = MaskSource::kAlpha, .side = 300}, {}, nullptr, {}).foreground;
}

TEST(Warnings, TellOfAFlatDrawing) {
  const auto in_stripes = [](int x, int) {
    return x % 40 < 20 ? Float3{0.9f, 0.3f, 0.2f} : Float3{0.2f, 0.4f, 0.8f};
  };
  EXPECT_THAT(warnings_of_colours(disc_of(in_stripes)), ElementsAre(HasSubstr("to be a flat drawing")));
  EXPECT_THAT(warnings_of_colours(disc_of(
                  [](int x, int) {
                    return x % 8 < 4 ? Float3{1, 1, 0} : Float3{1, 0, 1};
                  },
                  48)),
              ElementsAre(HasSubstr("to be pixel art")));
}

TEST(Warnings, AreNoneForAShadedOrNoisyThing) {
  EXPECT_THAT(warnings_of_colours(disc_of([](int x, int y) {
                const float shade = 0.3f + 0.6f * static_cast<float>(x + y) / 600;
                return Float3{shade, shade, shade};
              })),
              IsEmpty());
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, 0.02f);
  EXPECT_THAT(warnings_of_colours(disc_of([&](int, int) {
                return Float3{0.6f + noise(random), 0.5f + noise(random), 0.4f + noise(random)};
              })),
              IsEmpty());
}

TEST(Warnings, TellOfADarkSubject) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> dim(0, 0.18f);
  EXPECT_THAT(warnings_of_colours(disc_of([&](int, int) {
                return Float3{dim(random), dim(random), dim(random)};
              })),
              ElementsAre(HasSubstr("The subject is dark")));
}

TEST(CutOut, TakesOneOfSeveralSubjects) {
  Image picture(300, 100, 4, 0);
  const std::array<std::array<int, 4>, 3> kBoxes{{{10, 10, 80, 90}, {110, 20, 170, 80}, {210, 10, 280, 88}}};
  for (size_t i = 0; i < kBoxes.size(); ++i) {
    for (int y = kBoxes[i][1]; y < kBoxes[i][3]; ++y) {
      for (int x = kBoxes[i][0]; x < kBoxes[i][2]; ++x) {
        picture.pixel(x, y)[i] = 1;  // red, green, blue
        picture.pixel(x, y)[3] = 1;
      }
    }
  }
  const auto cut = [&](int subject) {
    return cut_out(picture, {.source = MaskSource::kAlpha, .side = 100, .subject = subject}, {}, nullptr, {})
        .foreground;
  };
  const Foreground second = cut(2);
  EXPECT_NEAR(second.crop.x + second.crop.side / 2.0, 140, 1);
  EXPECT_NEAR(second.crop.side, 60 / 0.85, 1);
  EXPECT_GT(second.image.pixel(50, 50)[1], 0.95f);
  EXPECT_LT(second.image.pixel(1, 50)[3], 0.01f);
  EXPECT_NEAR(cut(0).crop.side, 270 / 0.85, 1);
  expect_error(ErrorCode::kNoSubject, "shows 3 separate subjects, and number 4", [&] { cut(4); });
}

TEST(CutOut, TellsOfGlass) {
  Image picture(200, 200, 4, 0);
  for (int y = 40; y < 160; ++y) {
    for (int x = 40; x < 160; ++x) std::fill_n(picture.pixel(x, y), 4, 0.7f);
  }
  const auto told_of = [](Image given) {
    return cut_out(std::move(given), {.source = MaskSource::kAlpha, .side = 100}, {}, nullptr, {}).notes;
  };
  EXPECT_THAT(told_of(picture), testing::Contains(HasSubstr("see-through, like glass")));
  for (size_t i = 3; i < picture.pixels.size(); i += 4)
    picture.pixels[i] = picture.pixels[i] > 0 ? 1.0f : 0.0f;
  EXPECT_THAT(told_of(picture), testing::Not(testing::Contains(HasSubstr("like glass"))));
}

}  // namespace
}  // namespace relievo

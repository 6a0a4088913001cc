#include "foreground/warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace relievo

#include "foreground/align_sides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "foreground/foreground.h"
#include "foreground/islands.h"

namespace relievo {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A picture of a rectangle, cut out as any other.
struct Shot {
  Foreground foreground;
  SideCut cut;

  Shot(Side side, int width, int height, PixelBox box, PixelBox second = {}) {
    Image picture(width, height, 4, 0);
    for (const PixelBox& b : {box, second}) {
      for (int y = b.top; y < b.bottom; ++y)
        for (int x = b.left; x < b.right; ++x) std::fill_n(picture.pixel(x, y), 4, 1.0f);
    }
    foreground =
        cut_out(std::move(picture), {.source = MaskSource::kAlpha, .side = 400}, {}, nullptr, {}).foreground;
    cut = {side, side_name(side), &foreground, width, height};
  }
};

struct Extent {
  double width, height, middle_x, middle_y;
};

/// The subject's extent in an aligned picture, in box units.
Extent extent_of(const SidePicture& side) {
  int left = side.picture.width, right = 0, top = side.picture.height, bottom = 0;
  for (int y = 0; y < side.picture.height; ++y) {
    for (int x = 0; x < side.picture.width; ++x) {
      if (side.picture.pixel(x, y)[3] < 0.5f) continue;
      left = std::min(left, x), right = std::max(right, x + 1);
      top = std::min(top, y), bottom = std::max(bottom, y + 1);
    }
  }
  const double unit = 2.0 / side.picture.width;
  return {unit * (right - left), unit * (bottom - top), unit * (left + right) / 2 - 1,
          unit * (top + bottom) / 2 - 1};
}

TEST(AlignSides, GivesAllOneScaleWhateverTheirPicturesHave) {
  // A box of 40 x 120 x 80 (wide, deep, high), in pictures of three scales and sizes.
  const Shot front(Side::kFront, 200, 200, {10, 100, 50, 180}),
      right(Side::kRight, 700, 300, {300, 20, 660, 260}), top(Side::kTop, 64, 128, {10, 2, 50, 122});
  const AlignedSides aligned = align_sides({front.cut, right.cut, top.cut}, 400, {});
  EXPECT_THAT(aligned.notes, IsEmpty());
  ASSERT_EQ(aligned.pictures.size(), 3);
  constexpr double kUnit = 1.7 / 120, kNear = 0.015;
  const std::vector<std::pair<double, double>> expected{{40, 80}, {120, 80}, {40, 120}};
  for (size_t i = 0; i < 3; ++i) {
    const Extent extent = extent_of(aligned.pictures[i]);
    EXPECT_NEAR(extent.width, expected[i].first * kUnit, kNear) << i;
    EXPECT_NEAR(extent.height, expected[i].second * kUnit, kNear) << i;
    EXPECT_NEAR(extent.middle_x, 0, kNear) << i;
    EXPECT_NEAR(extent.middle_y, 0, kNear) << i;
  }
}

TEST(AlignSides, LeavesAFrontAsItIsWhereItIsTheLongest) {
  const Shot front(Side::kFront, 100, 100, {20, 10, 60, 90}), right(Side::kRight, 100, 100, {20, 10, 70, 90});
  const AlignedSides aligned = align_sides({right.cut, front.cut}, 400, {});
  EXPECT_EQ(aligned.pictures[0].side, Side::kFront);  // the measure comes first
  const Extent now = extent_of(aligned.pictures[0]),
               before = extent_of({Side::kFront, front.foreground.image});
  EXPECT_NEAR(now.width, before.width, 0.006);
  EXPECT_NEAR(now.height, before.height, 0.006);
  EXPECT_NEAR(now.middle_x, before.middle_x, 0.006);
}

TEST(AlignSides, TellsOfVeryDifferentSizes) {
  const Shot front(Side::kFront, 100, 100, {20, 10, 60, 90}), right(Side::kRight, 100, 100, {20, 10, 70, 60});
  EXPECT_THAT(align_sides({front.cut, right.cut}, 100, {}).notes,
              ElementsAre(HasSubstr("The subject is 50 pixels high in 'right' and 80 in 'front'")));
}

TEST(AlignSides, TellsOfOppositeSidesThatAreNotMirrorImages) {
  const Shot front(Side::kFront, 100, 100, {20, 10, 40, 90}, {20, 60, 80, 90}),
      same(Side::kBack, 100, 100, {60, 10, 80, 90}, {20, 60, 80, 90}),
      other(Side::kBack, 100, 100, {20, 10, 40, 90}, {20, 60, 80, 90});
  EXPECT_THAT(align_sides({front.cut, same.cut}, 100, {}).notes, IsEmpty());
  EXPECT_THAT(align_sides({front.cut, other.cut}, 100, {}).notes,
              ElementsAre(HasSubstr("'front' and 'back' should be mirror images and share only")));
}

TEST(AlignSides, TellsOfATopOfAnotherDepth) {
  const Shot front(Side::kFront, 100, 100, {20, 10, 60, 90}), right(Side::kRight, 100, 100, {20, 10, 40, 90}),
      top(Side::kTop, 100, 100, {20, 10, 60, 60});
  EXPECT_THAT(align_sides({front.cut, right.cut, top.cut}, 100, {}).notes,
              ElementsAre(ContainsRegex(
                  "the right and the top show different depths: 5[01] % and 12[456] % of the width")));
}

TEST(AlignSides, TellsWhatOneSideShowsAndAnotherDoesNot) {
  const Shot front(Side::kFront, 100, 100, {20, 10, 60, 40}, {20, 60, 60, 90}),
      right(Side::kRight, 100, 100, {20, 10, 60, 90});
  EXPECT_THAT(align_sides({front.cut, right.cut}, 100, {}).notes,
              ElementsAre(ContainsRegex(
                  "2[456] % of the subject in 'right' lie at heights at which 'front' shows nothing")));
}

}  // namespace
}  // namespace relievo

#include "foreground/islands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.h"

namespace relievo {
namespace {

void expect_box(const Mask& mask, const PixelBox& expected) {
  const std::optional<Subject> subject = subject_of(mask);
  ASSERT_TRUE(subject);
  const PixelBox& box = subject->box;
  EXPECT_THAT((std::array{box.left, box.top, box.right, box.bottom}),
              testing::ElementsAre(expected.left, expected.top, expected.right, expected.bottom));
}

TEST(SubjectBox, IsTheBoxOfWhatReachesTheOutline) {
  Mask mask(20, 10, 0.49f);
  samples::fill(mask, {3, 2, 9, 7}, 0.5f);
  expect_box(mask, {3, 2, 9, 7});
}

TEST(SubjectBox, AnEmptyMaskHasNone) { EXPECT_FALSE(subject_of(Mask(20, 10, 0.49f))); }

TEST(SubjectBox, ASpeckDoesNotMoveIt) {
  Mask mask(60, 60);
  samples::fill(mask, {20, 20, 50, 50});  // 900 pixels
  samples::fill(mask, {0, 0, 2, 4});      // 8
  expect_box(mask, {20, 20, 50, 50});
}

TEST(SubjectBox, SpecksAreCounted) {
  Mask mask(60, 60);
  samples::fill(mask, {20, 20, 50, 50});
  samples::fill(mask, {0, 0, 2, 4});
  samples::fill(mask, {55, 55, 58, 57});
  const std::optional<Subject> subject = subject_of(mask);
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->area, 900);
  ASSERT_EQ(subject->specks.size(), 2u);
  EXPECT_EQ(subject->specks[0].area, 8);
  EXPECT_EQ(subject->specks[1].area, 6);
  EXPECT_EQ(subject->specks[1].box.left, 55);
}

TEST(SubjectBox, ASmallPartOfOnePercentBelongs) {
  Mask mask(60, 60);
  samples::fill(mask, {20, 20, 50, 50});
  samples::fill(mask, {0, 0, 3, 3});  // 9 of 900
  expect_box(mask, {0, 0, 50, 50});
}

TEST(SubjectBox, PixelsThatTouchAtACornerAreOneIsland) {
  Mask mask(200, 200);
  for (int i = 0; i < 150; ++i) mask.at(i, 180 - i) = 1;  // falling to the left
  for (int i = 0; i < 200; ++i) mask.at(i, i) = 1;        // and to the right
  expect_box(mask, {0, 0, 200, 200});
}

TEST(SubjectBox, ArmsThatMeetFurtherDownAreOneIsland) {
  Mask mask(100, 100);
  samples::fill(mask, {80, 0, 81, 90});    // a thin arm, by itself a speck
  samples::fill(mask, {10, 20, 70, 90});   // the body
  samples::fill(mask, {10, 90, 81, 100});  // what joins them
  mask.at(99, 99) = 1;                     // a speck
  expect_box(mask, {10, 0, 81, 100});
}

TEST(SubjectBox, ABodyThatIsJoinedLateOutweighsASpeck) {
  // Two combs of thin teeth: each tooth begins as an island of its own, and all areas must be added up.
  Mask mask(101, 60);
  for (int x = 0; x < 101; x += 2) samples::fill(mask, {x, 0, x + 1, 50});
  samples::fill(mask, {0, 50, 101, 51});
  samples::fill(mask, {40, 55, 45, 60});  // 25 of 2651 pixels: under 1 %, over 1 % of any tooth
  expect_box(mask, {0, 0, 101, 51});
}

}  // namespace
}  // namespace relievo

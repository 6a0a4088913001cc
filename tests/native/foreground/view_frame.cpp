#include "foreground/view_frame.h"

#include <cmath>

#include <gtest/gtest.h>

namespace relievo {
namespace {

/// A cut-out as cut_out makes it: a square of 100 pixels with a solid rectangle, of a crop in its picture.
Foreground rectangle(int left, int top, int right, int bottom, const Crop& crop) {
  Foreground cut{Image(100, 100, 4), crop};
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      float* pixel = cut.image.pixel(x, y);
      pixel[0] = 0.25f;
      pixel[3] = 1;
    }
  }
  return cut;
}

TEST(ViewFrame, MeasuresFromThePicturesCentre) {
  // The crop has 2 of the picture's pixels for each of its own and begins at (50, 0): columns 100..230 of
  // 400.
  const Foreground cut = rectangle(25, 10, 90, 40, {50, 0, 200});
  EXPECT_DOUBLE_EQ(subject_reach(cut, 400, 200), 100.0 / 200);
  EXPECT_DOUBLE_EQ(subject_reach(cut, 200, 400), 180.0 / 200);  // rows 20..80 of 400 are 180 above the middle
  EXPECT_FALSE(is_cut_off(cut, 400, 200));
  EXPECT_TRUE(is_cut_off(cut, 230, 200));
}

TEST(ViewFrame, KeepsThePlaceOfTheSubjectAndCropsAroundTheCentre) {
  // In the picture of 400 x 200, the subject is columns 100..230 and rows 20..80.
  const Foreground cut = rectangle(25, 10, 90, 40, {50, 0, 200});
  // An edge lies where the two pixels beside it are the same amount of subject and of white.
  const auto is_edge = [](const float* a, const float* b) { return std::abs(a[1] + b[1] - 1) < 0.02f; };
  const Image whole = framed_view(cut, 400, 200, 1, 400, {});  // its square has 100 rows above and below
  EXPECT_TRUE(is_edge(whole.pixel(99, 150), whole.pixel(100, 150)));
  EXPECT_TRUE(is_edge(whole.pixel(229, 150), whole.pixel(230, 150)));
  EXPECT_TRUE(is_edge(whole.pixel(150, 119), whole.pixel(150, 120)));
  EXPECT_TRUE(is_edge(whole.pixel(150, 179), whole.pixel(150, 180)));
  EXPECT_NEAR(whole.pixel(150, 150)[0], 0.25, 1e-4);
  EXPECT_NEAR(whole.pixel(150, 150)[1], 0, 1e-4);
  EXPECT_FLOAT_EQ(whole.pixel(5, 5)[1], 1);
  const Image half = framed_view(cut, 400, 200, 0.5, 400, {});  // columns 100..300, rows 0..200
  EXPECT_TRUE(is_edge(half.pixel(259, 100), half.pixel(260, 100)));
  EXPECT_NEAR(half.pixel(8, 100)[1], 0, 0.02);
}

}  // namespace
}  // namespace relievo

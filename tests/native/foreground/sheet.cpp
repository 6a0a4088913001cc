#include "foreground/sheet.h"

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

Image paper(int width, int height) { return {width, height, 3, 0.95f}; }

void draw(Image& picture, PixelBox box, float colour) {
  for (int y = box.top; y < box.bottom; ++y)
    for (int x = box.left; x < box.right; ++x) std::fill_n(picture.pixel(x, y), 3, colour);
}

std::vector<SheetFigure> cut(const Image& picture, int count) {
  return cut_sheet(picture, mask_on_plain_ground(picture, {}), 0.5f, count);
}

TEST(Sheet, IsCutIntoItsFiguresFromLeftToRight) {
  Image sheet = paper(300, 120);
  draw(sheet, {200, 15, 240, 110}, 0.2f);
  draw(sheet, {20, 10, 60, 110}, 0.4f);
  draw(sheet, {110, 12, 140, 110}, 0.6f);
  const std::vector<SheetFigure> figures = cut(sheet, 3);
  const std::vector<float> colours{0.4f, 0.6f, 0.2f};
  const std::vector<PixelBox> boxes{{20, 10, 60, 110}, {110, 12, 140, 110}, {200, 15, 240, 110}};
  for (size_t i = 0; i < 3; ++i) {
    const SheetFigure& figure = figures[i];
    EXPECT_EQ(figure.mask.width, figures[0].mask.width);
    EXPECT_EQ(figure.mask.height, figures[0].mask.height);
    for (int y = 0; y < figure.mask.height; ++y) {
      for (int x = 0; x < figure.mask.width; ++x) {
        const int column = figure.x + x, row = figure.y + y;
        const bool is_inside = column >= boxes[i].left && column < boxes[i].right && row >= boxes[i].top &&
                               row < boxes[i].bottom;
        ASSERT_EQ(figure.mask.at(x, y), is_inside ? 1 : 0) << column << ' ' << row;
        if (is_inside) {
          ASSERT_EQ(figure.picture.pixel(x, y)[0], colours[i]);
        }
      }
    }
  }
}

TEST(Sheet, OfTwoRowsIsReadRowByRow) {
  Image sheet = paper(200, 200);
  int shade = 0;
  for (const int top : {10, 110}) {
    for (const int left : {15, 115})
      draw(sheet, {left, top, left + 60, top + 80}, 0.1f * static_cast<float>(++shade));
  }
  const std::vector<SheetFigure> figures = cut(sheet, 4);
  for (int i = 0; i < 4; ++i) {
    const Image& picture = figures[static_cast<size_t>(i)].picture;
    EXPECT_FLOAT_EQ(picture.pixel(picture.width / 2, picture.height / 2)[0],
                    0.1f * static_cast<float>(i + 1));
  }
}

TEST(Sheet, KeepsPartsWithTheirFigureAndLeavesLettersOut) {
  Image sheet = paper(240, 160);
  draw(sheet, {20, 30, 60, 130}, 0.3f);
  draw(sheet, {25, 12, 55, 26}, 0.3f);  // a hat that floats above
  draw(sheet, {64, 60, 72, 80}, 0.3f);  // a hand beside
  draw(sheet, {150, 30, 190, 130}, 0.3f);
  for (int letter = 0; letter < 5; ++letter) draw(sheet, {150 + 8 * letter, 145, 154 + 8 * letter, 152}, 0);
  const std::vector<PixelBox> boxes = figures_of(mask_on_plain_ground(sheet, {}), 0.5f);
  ASSERT_EQ(boxes.size(), 2);
  EXPECT_EQ(boxes[0].left, 20);
  EXPECT_EQ(boxes[0].top, 12);
  EXPECT_EQ(boxes[0].right, 72);
  EXPECT_EQ(boxes[1].bottom, 130);
}

TEST(Sheet, TakesWhatADrawnLineEncloses) {
  Image sheet = paper(100, 100);
  draw(sheet, {20, 20, 80, 80}, 0);
  draw(sheet, {23, 23, 77, 77}, 0.95f);  // a white shirt
  const Mask mask = mask_on_plain_ground(sheet, {});
  EXPECT_EQ(mask.at(50, 50), 1);
  EXPECT_EQ(mask.at(10, 50), 0);
}

TEST(Sheet, IsCutOutByItsAlphaOrItsGround) {
  Image drawn = paper(300, 120), clear(300, 120, 4, 0);
  for (const PixelBox& box : {PixelBox{20, 10, 60, 110}, PixelBox{110, 12, 150, 112}}) {
    draw(drawn, box, 0.3f);
    for (int y = box.top; y < box.bottom; ++y)
      for (int x = box.left; x < box.right; ++x) std::fill_n(clear.pixel(x, y), 4, 1.0f);
  }
  for (const Image& sheet : {drawn, clear}) {
    const std::vector<CutFigure> cuts = cut_out_figures(sheet, {.side = 200}, {}, 2, {});
    ASSERT_EQ(cuts.size(), 2);
    for (const CutFigure& figure : cuts) {
      // The subject's 100 pixels are 0.85 of the square's side.
      const Crop& crop = figure.cut.foreground.crop;
      EXPECT_NEAR(crop.side, 100 / 0.85, 1) << sheet.channels;
      const Image& image = figure.cut.foreground.image;
      EXPECT_NEAR(image.pixel(100, 100)[3], 1, 1e-3f);
      EXPECT_NEAR(image.pixel(20, 100)[3], 0, 1e-3f);
    }
    EXPECT_NEAR(cuts[0].x + cuts[0].cut.foreground.crop.x + 50 / 0.85, 40, 1);
    EXPECT_NEAR(cuts[1].x + cuts[1].cut.foreground.crop.x + 50 / 0.85, 130, 1);
  }
}

TEST(Sheet, OfAnotherNumberOfFiguresIsRefused) {
  Image sheet = paper(200, 100);
  draw(sheet, {20, 10, 60, 90}, 0.3f);
  expect_error(ErrorCode::kNoSubject, "The sheet shows 1 figure, and 3 sides are named.",
               [&] { cut(sheet, 3); });
}

TEST(Sheet, WithoutAPlainGroundIsRefused) {
  Image sheet = paper(200, 100);
  draw(sheet, {0, 0, 200, 60}, 0.3f);
  expect_error(ErrorCode::kNoSubject, "The sheet's ground is not plain",
               [&] { mask_on_plain_ground(sheet, {}); });
}

}  // namespace
}  // namespace relievo

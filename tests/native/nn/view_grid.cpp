#include "nn/view_grid.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

TEST(ViewGrid, ViewsGoRowByRow) {
  ByteImage grid(4, 6, 3);
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 4; ++x) grid.pixel(x, y)[1] = static_cast<uint8_t>(51 * (2 * (y / 2) + x / 2));
  }
  const at::Tensor views = split_view_grid(grid);
  ASSERT_EQ(views.sizes(), (at::IntArrayRef{6, 3, 2, 2}));
  for (int view = 0; view < 6; ++view) {
    EXPECT_TRUE(views[view][1].allclose(at::full({2, 2}, 0.2 * view))) << view;
    EXPECT_TRUE(views[view][0].eq(0).all().item<bool>()) << view;
  }
}

TEST(ViewGrid, RefusesAPictureThatDoesNotDivide) {
  expect_error(ErrorCode::kInvalidImage, "4 x 7 with 3 channels",
               [] { split_view_grid(ByteImage(4, 7, 3)); });
  expect_error(ErrorCode::kInvalidImage, "4 x 6 with 4 channels",
               [] { split_view_grid(ByteImage(4, 6, 4)); });
}

}  // namespace
}  // namespace relievo

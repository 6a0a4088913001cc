#include "nn/view_grid.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo {

at::Tensor split_view_grid(const ByteImage& grid) {
  constexpr int kRows = 3, kColumns = 2;
  if (grid.pixels.empty() || grid.channels != 3 || grid.height % kRows != 0 || grid.width % kColumns != 0) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("A picture of {} x {} with {} channels is not six views in 3 rows and 2 columns.",
                            grid.width, grid.height, grid.channels),
                "Bring one RGB picture with the views side by side, all of one size.");
  }
  const at::Tensor bytes =
      at::from_blob(const_cast<uint8_t*>(grid.pixels.data()),
                    {kRows, grid.height / kRows, kColumns, grid.width / kColumns, 3}, at::kByte);
  return bytes.permute({0, 2, 4, 1, 3}).flatten(0, 1).to(at::kFloat).div(255).contiguous();
}

at::Tensor resize_views(const at::Tensor& views, int64_t height, int64_t width) {
  if (views.size(-2) == height && views.size(-1) == width) return views;
  return at::_upsample_bicubic2d_aa(views, {height, width}, /*align_corners=*/false);
}

}  // namespace relievo

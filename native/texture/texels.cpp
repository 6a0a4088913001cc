#include "texture/texels.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/parallel.h"
#include "kernels/bake.h"
#include "nn/launch.h"
#include "texture/on_device.h"

namespace relievo {
namespace {

constexpr int64_t kBandTexels = int64_t{1} << 20;  // about 70 bytes each
constexpr int64_t kBytesPerTexel = 128;
// In texels: bilinear interpolation reads this far beyond a chart's border.
constexpr float kRim = 1.5f;

/// Columns and rows of the faces' corners, in texels.
std::vector<float> in_texels(const std::vector<std::array<Float2, 3>>& corner_uv, int size) {
  std::vector<float> corners(corner_uv.size() * 6);
  const auto side = static_cast<float>(size);
  for (size_t f = 0; f < corner_uv.size(); ++f) {
    for (size_t c = 0; c < 3; ++c) {
      corners[6 * f + 2 * c] = corner_uv[f][c][0] * side;
      corners[6 * f + 2 * c + 1] = (1 - corner_uv[f][c][1]) * side;
    }
  }
  return corners;
}

}  // namespace

TexelReader::TexelReader(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                         const std::vector<Float3>& normals, int size, const Execution& execution)
    : size_(size), device_(execution.device) {
  const int64_t texels = std::clamp(execution.byte_budget / kBytesPerTexel, int64_t{size}, kBandTexels);
  band_rows_ = std::clamp(static_cast<int>(texels / size), 1, size);
  const std::vector<float> corners = in_texels(corner_uv, size);
  const auto faces = static_cast<int64_t>(corner_uv.size());
  const kernels::Tiles tiles = kernels::list_by_tile(corners.data(), faces, size, size, kRim);
  across_ = tiles.across;
  corners_ = on_device(corners.data(), faces * 6, at::kFloat, at::kCPU).clone().to(device_);
  first_ = on_device(tiles.first.data(), static_cast<int64_t>(tiles.first.size()), at::kLong, at::kCPU)
               .clone()
               .to(device_);
  listed_ = on_device(tiles.faces.data(), static_cast<int64_t>(tiles.faces.size()), at::kInt, at::kCPU)
                .clone()
                .to(device_);
  const auto count = static_cast<int64_t>(surface.vertices.size());
  faces_ = on_device(surface.faces.data()->data(), faces * 3, at::kInt, device_);
  vertices_ = on_device(surface.vertices.data()->data(), count * 3, at::kFloat, device_);
  normals_ = on_device(normals.data()->data(), count * 3, at::kFloat, device_);
}

Texels TexelReader::band(int number) const {
  const int first_row = number * band_rows_, rows = std::min(band_rows_, size_ - first_row);
  const int64_t count = static_cast<int64_t>(rows) * size_;
  const auto options = at::TensorOptions().device(device_);
  const at::Tensor coverage = at::empty({count}, options.dtype(at::kByte));
  const at::Tensor face = at::empty({count}, options.dtype(at::kInt));
  const at::Tensor weights = at::empty({count, 2}, options.dtype(at::kFloat));
  const kernels::UvRaster raster{.corners = corners_.data_ptr<float>(),
                                 .tiles = {first_.data_ptr<int64_t>(), listed_.data_ptr<int32_t>(), across_},
                                 .size = size_,
                                 .first_row = first_row,
                                 .reach = kRim,
                                 .coverage = coverage.data_ptr<uint8_t>(),
                                 .face = face.data_ptr<int32_t>(),
                                 .weights = weights.data_ptr<float>()};
  launch_on(device_, RELIEVO_LAUNCHERS(find_texels), raster, rows);

  const at::Tensor covered = (coverage > kernels::kNothing).nonzero().squeeze(1);
  Texels texels;
  texels.number = covered + static_cast<int64_t>(first_row) * size_;
  texels.face = face.index_select(0, covered);
  texels.weights = weights.index_select(0, covered);
  texels.inside = (coverage == kernels::kInside).sum().item<int64_t>();
  const int64_t found = covered.size(0);
  texels.positions = at::empty({found, 3}, options.dtype(at::kFloat));
  texels.normals = at::empty({found, 3}, options.dtype(at::kFloat));
  const auto read = [&](const at::Tensor& values, const at::Tensor& result) {
    const kernels::Interpolation points{faces_.data_ptr<int32_t>(), values.data_ptr<float>(),
                                        texels.face.data_ptr<int32_t>(), texels.weights.data_ptr<float>(),
                                        result.data_ptr<float>()};
    launch_on(device_, RELIEVO_LAUNCHERS(interpolate), points, found);
  };
  read(vertices_, texels.positions);
  read(normals_, texels.normals);
  texels.normals.div_(texels.normals.norm(2, -1, true).clamp_min(1e-12));
  return texels;
}

}  // namespace relievo

#include <algorithm>

#include <ATen/ATen.h>

#include "multiview/noise_source.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr int64_t kSmallStripBytes = int64_t{1} << 20;

}  // namespace

std::vector<std::optional<ByteImage>> decode_batch(const at::Tensor& latents, const Vae& vae,
                                                   double latent_factor, const Execution& execution,
                                                   bool tiled, std::span<const CancelToken> cancels,
                                                   const MultiviewHooks& hooks) {
  const at::NoGradGuard no_grad;
  execution.control.step(0);
  const at::Tensor input = unscale_latents(latents) / latent_factor;
  observe(hooks.observer, "decode_in", input);
  std::vector<CancelToken> tokens(cancels.begin(), cancels.end());
  tokens.resize(static_cast<size_t>(latents.size(0)));
  Strips strips{.cancel = BatchControl(execution.control.cancel, std::move(tokens))};
  if (tiled) strips.bytes = kSmallStripBytes;
  const at::Tensor decoded = vae.decode(input.to(options_of(vae)), strips).to(at::kCPU, at::kFloat);
  observe(hooks.observer, "decode_out", decoded);
  const std::vector<size_t> left = strips.cancel.left();
  std::vector<std::optional<ByteImage>> grids(static_cast<size_t>(latents.size(0)));
  for (size_t row = 0; row < left.size(); ++row) {
    const at::Tensor own = decoded.select(0, static_cast<int64_t>(row));
    const at::Tensor image = (unscale_image(own) / 2 + 0.5).clamp(0, 1).permute({1, 2, 0});
    observe(hooks.observer, "image_np", image);
    const at::Tensor bytes = (image * 255).round().to(at::kByte).contiguous();
    ByteImage grid(static_cast<int>(image.size(1)), static_cast<int>(image.size(0)), 3);
    std::copy_n(bytes.const_data_ptr<uint8_t>(), grid.pixels.size(), grid.pixels.begin());
    grids[left[row]] = std::move(grid);
  }
  execution.control.step(1);
  return grids;
}

ByteImage decode_views(const at::Tensor& latents, const Vae& vae, double latent_factor,
                       const Execution& execution, bool tiled, const MultiviewHooks& hooks) {
  return decode_batch(latents, vae, latent_factor, execution, tiled, {}, hooks).front().value();
}

}  // namespace relievo

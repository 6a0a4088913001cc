#include <algorithm>

#include <ATen/ATen.h>

#include "base/error.h"
#include "multiview/noise_source.h"
#include "nn/shared_rows.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr int64_t kSmallStripBytes = int64_t{1} << 20;

/// Pictures `[B, 3, 8h, 8w]` in float32 on the CPU.
at::Tensor decoded_at(const DecoderPlaces& places, const at::Tensor& input, const Strips& strips) {
  const auto decode = [&](size_t k, const Strips& own) {
    const Vae& vae = *places.vaes[k];
    return vae.decode(input.to(options_of(vae)), own).to(at::kCPU, at::kFloat);
  };
  if (places.parts.empty()) return decode(0, strips);
  std::vector<at::Tensor> rows(places.parts.size());
  on_shared_rows(divide_rows(input.size(2), places.parts, kTileRows), places.run_together,
                 [&](size_t k, const SharedRows& shared) {
                   Strips own = strips;
                   own.shared = &shared;
                   rows[k] = decode(k, own);
                 });
  std::erase_if(rows, [](const at::Tensor& some) { return !some.defined(); });
  return at::cat(rows, 2);
}

}  // namespace

std::vector<std::optional<ByteImage>> decode_batch(const at::Tensor& latents, const DecoderPlaces& places,
                                                   double latent_factor, const Execution& execution,
                                                   bool tiled, std::span<const CancelToken> cancels,
                                                   const MultiviewHooks& hooks) {
  if (!places.parts.empty() && latents.size(0) > 1) {
    throw Error(ErrorCode::kInternal, "Workers that share rows were given several pictures to decode.");
  }
  const at::NoGradGuard no_grad;
  execution.control.step(0);
  const at::Tensor input = unscale_latents(latents) / latent_factor;
  observe(hooks.observer, "decode_in", input);
  std::vector<CancelToken> tokens(cancels.begin(), cancels.end());
  tokens.resize(static_cast<size_t>(latents.size(0)));
  Strips strips{.cancel = BatchControl(execution.control.cancel, std::move(tokens))};
  if (tiled) strips.bytes = kSmallStripBytes;
  const at::Tensor decoded = decoded_at(places, input, strips);
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

ByteImage decode_views(const at::Tensor& latents, const DecoderPlaces& places, double latent_factor,
                       const Execution& execution, bool tiled, const MultiviewHooks& hooks) {
  return decode_batch(latents, places, latent_factor, execution, tiled, {}, hooks).front().value();
}

}  // namespace relievo

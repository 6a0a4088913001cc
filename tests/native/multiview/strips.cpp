// Strips of rows give what the whole picture gives, whatever their size.
#include "multiview/strips.h"

#include <array>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../nn/together.h"
#include "base/error.h"
#include "multiview/multiview.h"
#include "multiview/vae.h"
#include "tiny_model.h"

namespace relievo {
namespace {

at::Tensor picture(int64_t channels, int64_t height, int64_t width) {
  return at::randn({2, channels, height, width}).contiguous(at::MemoryFormat::ChannelsLast);
}

/// The bytes of `rows` rows of such a picture.
Strips strips_of(int64_t rows, const at::Tensor& x) {
  return {.bytes = rows * x.size(1) * x.size(3) * static_cast<int64_t>(x.element_size())};
}

class StripsTest : public testing::TestWithParam<int64_t> {
 protected:
  StripsTest() { at::manual_seed(3); }
};

TEST_P(StripsTest, NormedConvolutionIsThatOfTheWhole) {
  const at::NoGradGuard no_grad;
  GroupNorm norm(4, 16, 1e-6);
  Conv2d conv(16, 8, 3, {.padding = 1});
  fill_randomly(norm);
  fill_randomly(conv);
  for (const int64_t height : {1, 2, 3, 13}) {
    const at::Tensor x = picture(16, height, 11);
    const at::Tensor made = normed_convolution(x, norm, conv, strips_of(GetParam(), x));
    EXPECT_LT(largest_difference(made, conv.forward(norm.silu(x))), 1e-5) << height;
  }
}

TEST_P(StripsTest, GrownConvolutionIsThatOfTheWhole) {
  const at::NoGradGuard no_grad;
  Conv2d conv(16, 8, 3, {.padding = 1});
  fill_randomly(conv);
  for (const int64_t height : {1, 2, 7}) {
    const at::Tensor x = picture(16, height, 5);
    const at::Tensor grown = at::upsample_nearest2d(x, {2 * height, 10});
    const at::Tensor made = upsampled_convolution(x, conv, strips_of(GetParam(), grown));
    EXPECT_LT(largest_difference(made, conv.forward(grown)), 1e-5) << height;
  }
}

TEST_P(StripsTest, BlocksWithAndWithoutAShortcutAreThoseOfTheWhole) {
  const at::NoGradGuard no_grad;
  for (const int64_t out : {16, 8}) {
    ResnetBlock block(16, out, 0, 4, 1e-6);
    fill_randomly(block);
    const at::Tensor x = picture(16, 13, 11), before = x.clone();
    const at::Tensor made = forward_in_strips(block, x, strips_of(GetParam(), x));
    EXPECT_LT(largest_difference(made, block.forward(x)), 1e-5) << out;
    EXPECT_TRUE(at::equal(x, before));
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, StripsTest, testing::Values(1, 2, 3, 5, 100));

TEST(Strips, TheDecoderGivesTheSameInStripsOfAnySize) {
  const at::NoGradGuard no_grad;
  const MultiviewModel model = tiny_model();
  const at::Tensor latents = at::randn({1, 4, 9, 6});
  const at::Tensor whole = model.decoder->decode(latents, {.bytes = int64_t{1} << 40});
  EXPECT_EQ(whole.size(2), 72);
  for (const int64_t bytes : {int64_t{1}, int64_t{5000}, int64_t{20000}}) {
    EXPECT_LT(largest_difference(model.decoder->decode(latents, {.bytes = bytes}), whole), 1e-4) << bytes;
  }
}

TEST(Strips, WorkersThatShareThemMakeTheSameViewsToTheBit) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  set_parallel_threads(1);
  const MultiviewModel model = tiny_model();
  const at::Tensor latents = at::randn({1, 4, 27, 12});
  for (const bool tiled : {false, true}) {
    const auto decoded = [&](const std::vector<int>& parts) {
      DecoderPlaces places;
      const size_t workers = std::max<size_t>(parts.size(), 1);
      for (size_t k = 0; k < workers; ++k) places.vaes.push_back(model.decoder);
      places.parts = parts;
      places.run_together = on_threads(workers);
      return decode_views(latents, places, model.latent_factor, {}, tiled);
    };
    const ByteImage alone = decoded({});
    for (const std::vector<int>& parts : {std::vector<int>{1, 1}, {3, 1}, {1, 1, 1, 1}, {1, 5, 1}}) {
      EXPECT_EQ(decoded(parts).pixels, alone.pixels) << parts.size() << (tiled ? " tiled" : "");
    }
  }
}

TEST(Strips, ACancelEndsAtTheNextStrip) {
  const at::NoGradGuard no_grad;
  Conv2d conv(4, 4, 3, {.padding = 1});
  fill_randomly(conv);
  const CancelToken cancel;
  const Strips strips{.bytes = 1, .cancel = cancel};
  int filled = 0;
  const std::array<int64_t, 4> shape{1, 4, 64, 8};
  const auto fill = [&](const at::Tensor& rows, int64_t) {
    rows.zero_();
    if (++filled == 2) cancel.cancel();
  };
  EXPECT_THROW(
      convolve({shape, at::TensorOptions(at::kFloat), fill}, conv, strips, [](const at::Tensor&, int64_t) {}),
      Error);
  EXPECT_EQ(filled, 2);
}

}  // namespace
}  // namespace relievo

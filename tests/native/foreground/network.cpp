#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../test_data.h"
#include "base/resample.h"
#include "foreground/foreground.h"
#include "foreground/subject_map.h"
#include "nn/tensors.h"
#include "samples.h"

namespace relievo {
namespace {

const std::filesystem::path kData = test_data();
const std::filesystem::path kWeights = kData.parent_path().parent_path() / "models" / "u2netp.safetensors";

U2Net embedded_network() {
  U2Net network(U2NetSize::kSmall);
  EXPECT_TRUE(load_strict(network, read_safetensors(kWeights), "", {}).empty());
  return network;
}

/// A red disc on grey, off-centre: nobody can miss it.
Image disc_picture() {
  Image picture(300, 200, 3, 0.6f);
  for (int y = 0; y < 200; ++y) {
    for (int x = 0; x < 300; ++x) {
      if (std::hypot(x - 120, y - 90) > 50) continue;
      picture.pixel(x, y)[0] = 0.9f;
      picture.pixel(x, y)[1] = picture.pixel(x, y)[2] = 0.1f;
    }
  }
  return picture;
}

int64_t folded_parameters(U2NetSize size, int64_t& normalised_channels) {
  const U2Net network(size);
  int64_t count = 0;
  for (const auto& item : network.named_parameters()) {
    count += item.value().numel();
    if (item.key().ends_with("conv_s1.bias")) normalised_channels += item.value().numel();
  }
  return count;
}

// The published modules also have a scale and a shift of batch normalisation for each channel.
TEST(U2Net, FullHasThePublishedNumberOfParameters) {
  int64_t channels = 0;
  const int64_t folded = folded_parameters(U2NetSize::kFull, channels);
  EXPECT_EQ(folded + 2 * channels, 44'009'869);
}

TEST(U2Net, SmallHasThePublishedNumberOfParameters) {
  int64_t channels = 0;
  const int64_t folded = folded_parameters(U2NetSize::kSmall, channels);
  EXPECT_EQ(folded + 2 * channels, 1'131'181);
}

TEST(U2Net, AnswersAtSizesThatDoNotHalveEvenly) {
  U2Net network = embedded_network();
  const auto maps = network.forward(at::zeros({2, 3, 37, 53}));
  for (const at::Tensor& map : maps) EXPECT_EQ(map.sizes(), (at::IntArrayRef{2, 1, 37, 53}));
}

TEST(U2Net, EmbeddedWeightsAreThePublishedOnesRoundedToHalf) {
  const TensorFile published = read_safetensors(kData / "golden/u2netp/weights.safetensors");
  const TensorFile embedded = read_safetensors(kWeights);
  ASSERT_EQ(embedded.tensors.size(), published.tensors.size());
  for (const auto& [name, view] : published.tensors) {
    EXPECT_TRUE(tensor_view(embedded, name).equal(tensor_view(published, name).to(at::kHalf))) << name;
  }
}

TEST(U2Net, EmbeddedWeightsGiveThePublishedMaps) {
  U2Net network = embedded_network();
  const TensorFile golden = read_safetensors(kData / "golden/u2netp/io.safetensors");
  const at::Tensor resized = tensor_view(golden, "coffee/resized_u8").contiguous();
  ByteImage picture(kSubjectMapSide, kSubjectMapSide, 3);
  std::copy_n(resized.data_ptr<uint8_t>(), picture.pixels.size(), picture.pixels.begin());
  const Mask map = subject_map(picture, network, {});
  const at::Tensor ours =
      at::from_blob(const_cast<float*>(map.values.data()), {kSubjectMapSide, kSubjectMapSide}, at::kFloat);
  EXPECT_LT((ours - tensor_view(golden, "coffee/d0")).abs().mean().item<double>(), 1e-3);
}

TEST(CutOut, TheNetworkFindsADisc) {
  U2Net network = embedded_network();
  const Crop crop = cut_out(disc_picture(), {.side = 128}, {}, &network, {}).foreground.crop;
  EXPECT_NEAR(crop.x + crop.side / 2.0, 120, 3);
  EXPECT_NEAR(crop.y + crop.side / 2.0, 90, 3);
  EXPECT_NEAR(crop.side, 101 / 0.85, 6);
}

TEST(CutOut, InvertSwapsTheNetworksMask) {
  U2Net network = embedded_network();
  const Foreground result =
      cut_out(disc_picture(), {.invert = true, .side = 300}, {}, &network, {}).foreground;
  const double scale = 300.0 / result.crop.side;
  const auto alpha_at = [&](int x, int y) {
    return result.image.pixel(static_cast<int>((x - result.crop.x) * scale),
                              static_cast<int>((y - result.crop.y) * scale))[3];
  };
  EXPECT_LT(alpha_at(120, 90), 0.1);
  EXPECT_GT(alpha_at(260, 160), 0.9);
}

// Stretched from its lowest to its highest value, any map reaches 1.
TEST(CutOut, TheRawMapTellsWhetherThereIsASubject) {
  U2Net network = embedded_network();
  const at::NoGradGuard no_grad;
  network.named_parameters()["outconv.bias"].sub_(20);
  EXPECT_EQ(samples::error_of([&] { cut_out(disc_picture(), {}, {}, &network, {}); }), ErrorCode::kNoSubject);
}

TEST(CutOut, AnEvenPictureHasNoSubject) {
  U2Net network = embedded_network();
  for (const int side : {1, 50}) {
    EXPECT_EQ(samples::error_of([&] { cut_out(Image(side, side, 3, 0.5f), {}, {}, &network, {}); }),
              ErrorCode::kNoSubject);
  }
}

TEST(NetworkInput, IsBrightenedToItsHighestByte) {
  ByteImage dark(2, 1, 3, 10);
  dark.pixel(1, 0)[2] = 40;
  const at::Tensor input = network_input(dark);
  EXPECT_NEAR((input[0][2][0][1].item<double>()), (1 - 0.406) / 0.225, 1e-5);
  EXPECT_NEAR((input[0][0][0][0].item<double>()), (0.25 - 0.485) / 0.229, 1e-5);
}

TEST(NetworkInput, ABlackPictureIsFinite) {
  EXPECT_TRUE(network_input(ByteImage(3, 3, 3, 0)).isfinite().all().item<bool>());
}

TEST(ColourBytes, ALargePictureIsAveragedOverBlocks) {
  Image picture(5000, 3, 4, 0.0f);
  for (int x = 0; x < 5000; ++x) picture.pixel(x, 1)[0] = 1;  // one row of three
  const ByteImage bytes = colour_bytes(picture);
  EXPECT_EQ(bytes.width, 1667);
  EXPECT_EQ(bytes.height, 1);
  EXPECT_EQ(bytes.channels, 3);
  EXPECT_EQ(bytes.pixel(1666, 0)[0], 85);
}

TEST(Stretched, AnEvenMapBecomesOne) {
  EXPECT_EQ(stretched(Mask(4, 4, 0.7f)).values, Mask(4, 4, 1.0f).values);
}

}  // namespace
}  // namespace relievo

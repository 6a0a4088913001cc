// Pictures that are encoded or decoded together have the bits that each has alone.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tiny_model.h"

namespace relievo {
namespace {

constexpr size_t kPictures = 4;

ByteImage picture(size_t number) {
  ByteImage made = test_picture();
  for (size_t i = 0; i < made.pixels.size(); ++i)
    made.pixels[i] = static_cast<uint8_t>((i * (37 + 10 * number) + number) % 251);
  return made;
}

struct Pictures {
  Pictures() {
    for (size_t i = 0; i < kPictures; ++i) {
      rgb.push_back(picture(i));
      noise.push_back({.seed = 7 + i});
      latents.push_back(at::randn({1, 4, 9, 6}));
    }
  }
  const MultiviewModel model = tiny_model();
  const ConditionPlaces encoders{.parts = {&model.condition}};
  const DecoderPlaces decoders{.vaes = {model.decoder}};
  std::vector<ByteImage> rgb;
  std::vector<NoiseKey> noise;
  std::vector<at::Tensor> latents;
};

bool same(const Conditions& a, const Conditions& b) {
  return a.latents.equal(b.latents) && a.states.equal(b.states);
}

TEST(Batches, ConditionsAreThoseOfEachPictureAlone) {
  const Pictures all;
  for (size_t count = 1; count <= kPictures; ++count) {
    const auto made =
        condition_batch(std::span(all.rgb).first(count), std::span(all.noise).first(count), all.encoders, {});
    ASSERT_EQ(made.size(), count);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(made[i]);
      EXPECT_TRUE(same(*made[i], condition_views(all.rgb[i], all.noise[i], all.encoders, {})))
          << i << " of " << count;
    }
  }
}

TEST(Batches, ViewsAreThoseOfEachPictureAlone) {
  const Pictures all;
  for (const bool tiled : {false, true}) {
    for (size_t count = 1; count <= kPictures; ++count) {
      const at::Tensor together =
          at::cat(std::vector(all.latents.begin(), all.latents.begin() + std::ptrdiff_t(count)));
      const auto made = decode_batch(together, all.decoders, 0.5, {}, tiled);
      ASSERT_EQ(made.size(), count);
      for (size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(made[i]);
        EXPECT_EQ(made[i]->pixels, decode_views(all.latents[i], all.decoders, 0.5, {}, tiled).pixels)
            << i << " of " << count;
      }
    }
  }
}

TEST(Batches, ACancelledPictureLeavesTheOthersAsTheyAre) {
  const Pictures all;
  std::vector<CancelToken> cancels(kPictures);
  cancels[1].cancel();
  cancels[3].cancel();
  const auto conditions = condition_batch(all.rgb, all.noise, all.encoders, {}, cancels);
  const auto views = decode_batch(at::cat(all.latents), all.decoders, 0.5, {}, false, cancels);
  for (size_t i = 0; i < kPictures; ++i) {
    EXPECT_EQ(conditions[i].has_value(), i % 2 == 0);
    EXPECT_EQ(views[i].has_value(), i % 2 == 0);
    if (i % 2 == 1) continue;
    EXPECT_TRUE(same(*conditions[i], condition_views(all.rgb[i], all.noise[i], all.encoders, {})));
    EXPECT_EQ(views[i]->pixels, decode_views(all.latents[i], all.decoders, 0.5, {}).pixels);
  }
}

TEST(Batches, APictureThatIsCancelledOnTheWayIsNotComputedFurther) {
  const at::NoGradGuard no_grad;
  const Pictures all;
  const std::vector<CancelToken> cancels(3);
  const BatchControl control({}, cancels);
  const at::Tensor latents = at::cat({all.latents[0], all.latents[1], all.latents[2]});
  std::vector<int64_t> rows;
  const at::Tensor made = all.model.decoder->decode(latents, {.cancel = control},
                                                    [&](const std::string& name, const at::Tensor& x) {
                                                      rows.push_back(x.size(0));
                                                      if (name == "dec_mid") cancels[1].cancel();
                                                    });
  ASSERT_EQ(made.size(0), 2);
  EXPECT_EQ(control.left(), (std::vector<size_t>{0, 2}));
  EXPECT_EQ(rows.front(), 3);
  EXPECT_EQ(rows[1], 2) << "it left after the layer in which it was cancelled";
  EXPECT_TRUE(made[0].equal(all.model.decoder->decode(all.latents[0])[0]));
  EXPECT_TRUE(made[1].equal(all.model.decoder->decode(all.latents[2])[0]));
}

TEST(Batches, WhereEveryPictureIsCancelledNothingGoesOn) {
  const Pictures all;
  const std::vector<CancelToken> cancels(2);
  for (const CancelToken& cancel : cancels) cancel.cancel();
  try {
    decode_batch(at::cat({all.latents[0], all.latents[1]}), all.decoders, 0.5, {}, false, cancels);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace relievo

// The kernels that a GPU normalises with, compiled for the host, against the formulas in double.
#include "kernels/group_norm.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/gated_gelu.h"
#include "kernels/layer_norm.h"

namespace relievo::kernels {
namespace {

std::vector<float> random(int64_t count, uint32_t seed, double mean = 0, double deviation = 1) {
  std::mt19937 source(seed);
  std::normal_distribution<double> draw(mean, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(draw(source));
  return values;
}

float at(const std::vector<float>& values, int64_t i) { return values[static_cast<size_t>(i)]; }

struct Picture {
  int64_t batch, pixels, channels;
  std::vector<float> values;

  int64_t numbers() const { return batch * pixels * channels; }
};

Picture random_picture(int64_t batch, int64_t pixels, int64_t channels, uint32_t seed) {
  return {batch, pixels, channels, random(batch * pixels * channels, seed, 20, 3)};
}

/// Group norm with SiLU by its formulas.
std::vector<double> expected_norm(const Picture& p, const std::vector<float>& weight,
                                  const std::vector<float>& bias, int64_t groups, bool with_silu) {
  constexpr double kEpsilon = 1e-5;
  std::vector<double> out(p.values.size());
  const int64_t width = p.channels / groups;
  for (int64_t item = 0; item < p.batch; ++item) {
    for (int64_t g = 0; g < groups; ++g) {
      const auto for_all = [&](const auto& body) {
        for (int64_t pixel = 0; pixel < p.pixels; ++pixel) {
          for (int64_t c = g * width; c < (g + 1) * width; ++c)
            body((item * p.pixels + pixel) * p.channels + c, c);
        }
      };
      double sum = 0, squares = 0;
      const double count = static_cast<double>(width * p.pixels);
      for_all([&](int64_t i, int64_t) { sum += at(p.values, i); });
      for_all([&](int64_t i, int64_t) { squares += std::pow(at(p.values, i) - sum / count, 2); });
      for_all([&](int64_t i, int64_t c) {
        const double y =
            (at(p.values, i) - sum / count) / std::sqrt(squares / count + kEpsilon) * at(weight, c) +
            at(bias, c);
        out[static_cast<size_t>(i)] = with_silu ? y / (1 + std::exp(-y)) : y;
      });
    }
  }
  return out;
}

constexpr int64_t kGroups = 3;

/// Normalises two pictures by the kernels; `complete` says what their moments are found of.
template <typename Complete>
std::vector<std::vector<float>> normalised(const std::vector<Picture>& pictures,
                                           const std::vector<float>& weight, const std::vector<float>& bias,
                                           const float* shift, bool with_silu, const Complete& complete) {
  TwoChannelMoments moments;
  TwoNormalisations all{.weight = weight.data(),
                        .bias = bias.data(),
                        .channels = pictures[0].channels,
                        .groups = kGroups,
                        .epsilon = 1e-5f,
                        .with_silu = with_silu};
  std::vector<std::vector<float>> found(2), out(2);
  for (size_t i = 0; i < 2; ++i) {
    const Picture& p = pictures[i];
    ChannelMoments& m = moments.picture[i];
    m = {.in = p.values.data(),
         .in_stride = p.pixels * p.channels,
         .shift = shift,
         .batch = p.batch,
         .pixels = p.pixels,
         .channels = p.channels};
    found[i].resize(static_cast<size_t>(2 * m.indices()));
    m.moments = found[i].data();
    complete(i, m);
    out[i].resize(static_cast<size_t>(p.numbers()));
    m.out_stride = p.pixels * p.channels;
    all.picture[i] = {.in = m.out ? m.out : m.in,
                      .in_stride = p.pixels * p.channels,
                      .shift = shift,
                      .moments = found[i].data(),
                      .out = out[i].data(),
                      .out_stride = p.pixels * p.channels,
                      .batch = p.batch,
                      .pixels = p.pixels};
  }
  find_channel_moments_cuda(moments, nullptr);
  normalise_cuda(all, nullptr);
  return out;
}

void expect_near(const std::vector<float>& made, const std::vector<double>& expected) {
  ASSERT_EQ(made.size(), expected.size());
  for (size_t i = 0; i < made.size(); ++i) ASSERT_NEAR(made[i], expected[i], 2e-4) << i;
}

class GroupNormOnGpu : public testing::Test {
 protected:
  // Sizes below, at and above the block's and the run's.
  const std::vector<Picture> pictures_{random_picture(2, 301, 12, 1), random_picture(2, 128, 12, 2)};
  const std::vector<float> weight_ = random(12, 3), bias_ = random(12, 4);
};

TEST_F(GroupNormOnGpu, NormalisesTwoPicturesAtOnce) {
  for (const bool with_silu : {false, true}) {
    const auto made =
        normalised(pictures_, weight_, bias_, nullptr, with_silu, [](size_t, ChannelMoments&) {});
    for (size_t i = 0; i < 2; ++i)
      expect_near(made[i], expected_norm(pictures_[i], weight_, bias_, kGroups, with_silu));
  }
}

TEST_F(GroupNormOnGpu, OfASumWritesTheSum) {
  std::vector<Picture> sums = pictures_;
  std::vector<std::vector<float>> branches, written(2);
  for (size_t i = 0; i < 2; ++i) {
    branches.push_back(random(sums[i].numbers(), 5));
    for (size_t k = 0; k < branches[i].size(); ++k) sums[i].values[k] += branches[i][k];
    written[i].resize(branches[i].size());
  }
  const auto made = normalised(pictures_, weight_, bias_, nullptr, true, [&](size_t i, ChannelMoments& m) {
    m.addend = branches[i].data();
    m.addend_stride = m.pixels * m.channels;
    m.out = written[i].data();
  });
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(written[i], sums[i].values);
    expect_near(made[i], expected_norm(sums[i], weight_, bias_, kGroups, true));
  }
}

TEST_F(GroupNormOnGpu, OfJoinedChannelsWritesThemSideBySide) {
  constexpr int64_t kOwn = 7;
  std::vector<std::vector<float>> own(2), skips(2), written(2);
  for (size_t i = 0; i < 2; ++i) {
    const Picture& p = pictures_[i];
    for (int64_t k = 0; k < p.numbers(); ++k)
      (k % p.channels < kOwn ? own : skips)[i].push_back(at(p.values, k));
    written[i].resize(p.values.size());
  }
  const auto made = normalised(pictures_, weight_, bias_, nullptr, true, [&](size_t i, ChannelMoments& m) {
    m.in = own[i].data();
    m.in_stride = m.pixels * kOwn;
    m.addend = skips[i].data();
    m.joined = m.channels - kOwn;
    m.addend_stride = m.pixels * m.joined;
    m.out = written[i].data();
  });
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(written[i], pictures_[i].values);
    expect_near(made[i], expected_norm(pictures_[i], weight_, bias_, kGroups, true));
  }
}

TEST_F(GroupNormOnGpu, OfAShiftedPictureLeavesIt) {
  const std::vector<float> shift = random(12, 6, 0, 30);
  std::vector<Picture> shifted = pictures_;
  for (Picture& p : shifted) {
    for (int64_t k = 0; k < p.numbers(); ++k) p.values[static_cast<size_t>(k)] += at(shift, k % p.channels);
  }
  const auto made = normalised(pictures_, weight_, bias_, shift.data(), true, [](size_t, ChannelMoments&) {});
  for (size_t i = 0; i < 2; ++i)
    expect_near(made[i], expected_norm(shifted[i], weight_, bias_, kGroups, true));
}

TEST(LayerNormOnGpu, NormalisesRowsAndPreparesThemForASum) {
  constexpr int64_t kRows = 37, kWidth = 19;
  const std::vector<float> before = random(kRows * kWidth, 1, 5, 2), weight = random(kWidth, 2),
                           bias = random(kWidth, 3), addend = random(kWidth, 4);
  std::vector<float> rows = before, out(rows.size());
  normalise_rows_cuda({.rows = rows.data(),
                       .weight = weight.data(),
                       .bias = bias.data(),
                       .addend = addend.data(),
                       .out = out.data(),
                       .count = kRows,
                       .width = kWidth,
                       .epsilon = 1e-5f},
                      nullptr);
  for (int64_t row = 0; row < kRows; ++row) {
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < kWidth; ++c) mean += at(before, row * kWidth + c) / double{kWidth};
    for (int64_t c = 0; c < kWidth; ++c)
      variance += std::pow(at(before, row * kWidth + c) - mean, 2) / double{kWidth};
    for (int64_t c = 0; c < kWidth; ++c) {
      const int64_t i = row * kWidth + c;
      const double y = (at(before, i) - mean) / std::sqrt(variance + 1e-5) * at(weight, c) + at(bias, c);
      ASSERT_NEAR(at(out, i), y, 1e-5);
      ASSERT_EQ(at(rows, i), at(before, i) + at(addend, c));
    }
  }
}

TEST(GatedGeluOnGpu, MultipliesValuesByTheirGates) {
  constexpr int64_t kRows = 23, kWidth = 11;
  const std::vector<float> in = random(kRows * 2 * kWidth, 1, 0, 3);
  std::vector<float> out(static_cast<size_t>(kRows * kWidth));
  gate_cuda({.in = in.data(), .out = out.data(), .rows = kRows, .width = kWidth}, nullptr);
  for (int64_t i = 0; i < kRows * kWidth; ++i) {
    const double value = at(in, i / kWidth * 2 * kWidth + i % kWidth),
                 gate = at(in, i / kWidth * 2 * kWidth + kWidth + i % kWidth);
    ASSERT_NEAR(at(out, i), value * gate * 0.5 * (1 + std::erf(gate / std::sqrt(2.0))), 1e-5);
  }
}

}  // namespace
}  // namespace relievo::kernels

#include "nn/layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace relievo {
namespace {

GroupNorm random_norm(int64_t groups, int64_t channels) {
  GroupNorm norm(groups, channels, 1e-6);
  norm.weight.set_data(at::randn({channels}));
  norm.bias.set_data(at::randn({channels}));
  return norm;
}

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// torch's own group norm of contiguous pictures, in double, is the second opinion.
TEST(GroupNorm, AgreesWithTorchInBothPrecisionsAndLayouts) {
  at::manual_seed(1);
  for (const int64_t side : {1, 5, 37}) {
    const GroupNorm norm = random_norm(4, 24);
    const at::Tensor x = at::randn({2, 24, side, side + 3}) * 3 + 50;
    const at::Tensor expected =
        at::group_norm(x.to(at::kDouble), 4, norm.weight.to(at::kDouble), norm.bias.to(at::kDouble), 1e-6);
    EXPECT_LT((norm.forward(channels_last(x)) - expected).abs().max().item<double>(), 2e-4);
    EXPECT_LT((norm.silu(channels_last(x)) - at::silu(expected)).abs().max().item<double>(), 2e-4);
    const at::Tensor small = ((x - 50) / 3).to(at::kBFloat16);
    const at::Tensor rounded = at::group_norm(small.to(at::kDouble), 4, norm.weight.to(at::kDouble),
                                              norm.bias.to(at::kDouble), 1e-6);
    const at::Tensor ours = norm.silu(channels_last(small));
    EXPECT_EQ(ours.scalar_type(), at::kBFloat16);
    EXPECT_LT((ours.to(at::kDouble) - at::silu(rounded)).abs().max().item<double>(), 0.03);
  }
}

// A flat picture has a variance of almost nothing on top of a mean: what sums of squares lose.
TEST(GroupNorm, KeepsTheVarianceOfFlatPictures) {
  at::manual_seed(2);
  const GroupNorm norm = random_norm(2, 8);
  const at::Tensor x = at::full({1, 8, 64, 64}, 7.0f) + at::randn({1, 8, 64, 64}) * 1e-3;
  const at::Tensor expected =
      at::group_norm(x.to(at::kDouble), 2, norm.weight.to(at::kDouble), norm.bias.to(at::kDouble), 1e-6);
  EXPECT_LT((norm.forward(channels_last(x)) - expected).abs().max().item<double>(), 1e-2);
}

// The kernel once had two loops that round differently, for arrays near each other and for others.
TEST(GroupNorm, DoesNotDependOnWhereItsArraysLie) {
  at::manual_seed(1);
  GroupNorm norm(4, 8, 1e-6);
  norm.weight.set_data(at::randn({8}));
  norm.bias.set_data(at::randn({8}));
  const at::Tensor x = at::randn({1, 8, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor first = norm.silu(x);
  std::vector<at::Tensor> between;  // so that allocations move
  for (int64_t i = 0; i < 300; ++i) {
    between.push_back(at::empty({i * 7}));
    ASSERT_TRUE(norm.silu(x).equal(first)) << i;
  }
}

}  // namespace
}  // namespace relievo

#include "nn/layers.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
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

/// The largest block that torch is asked for while it lives.
class LargestBlock final : public c10::Allocator {
 public:
  LargestBlock() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, kAboveAll); }
  ~LargestBlock() override { c10::SetCPUAllocator(before_, kAboveAll); }

  c10::DataPtr allocate(size_t bytes) override {
    largest_ = std::max(largest_, bytes);
    return before_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return before_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    before_->copy_data(to, from, bytes);
  }
  size_t bytes() const { return largest_; }

 private:
  static constexpr uint8_t kAboveAll = 200;
  c10::Allocator* before_;
  size_t largest_ = 0;
};

// This takes the path of a GPU, for which there is no kernel of ours, by a layout that has none.
TEST(GroupNorm, IsKnownByStripsWithoutAPictureInFloat32) {
  at::manual_seed(4);
  const GroupNorm norm = random_norm(8, 64);
  // Rows differ, so that the strips' means do: 300 x 300 x 64 in float32 are 23 MB, and 46 with two pictures.
  const at::Tensor x =
      (at::randn({2, 64, 300, 300}) * 0.1 + at::linspace(-3, 5, 300).view({300, 1}) + 20).to(at::kBFloat16);
  const at::Tensor expected = at::silu(
      at::group_norm(x.to(at::kDouble), 8, norm.weight.to(at::kDouble), norm.bias.to(at::kDouble), 1e-6));
  const at::Tensor out = at::empty_like(x);
  size_t largest = 0;
  {
    const LargestBlock block;
    const GroupNorm::Affine affine = norm.affine(x);
    for (int64_t first = 0; first < 300; first += 50) {
      affine.silu_into(out.narrow(2, first, 50), x.narrow(2, first, 50));
    }
    largest = block.bytes();
  }
  EXPECT_LE(largest, size_t{32} << 20);
  EXPECT_LT((out.to(at::kDouble) - expected).abs().max().item<double>(), 0.03);
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

TEST(MultiHeadAttention, AQuerysResultDoesNotDependOnHowManyThereAre) {
  const at::NoGradGuard no_grad;
  at::manual_seed(4);
  const at::Tensor q = at::randn({2, 187, 32}), k = at::randn({2, 196, 32}), v = at::randn({2, 196, 32});
  const at::Tensor whole = multi_head_attention(q, k, v, 4);
  ASSERT_EQ(whole.sizes(), q.sizes());
  for (const int64_t cut : {11, 44, 88, 176}) {
    const at::Tensor above = multi_head_attention(q.narrow(1, 0, cut), k, v, 4),
                     below = multi_head_attention(q.narrow(1, cut, 187 - cut), k, v, 4);
    EXPECT_TRUE(at::cat({above, below}, 1).equal(whole)) << cut;
  }
}

// torch's attention in double is the second opinion.
TEST(MultiHeadAttention, AgreesWithTorchInBothPrecisions) {
  at::manual_seed(7);
  const at::NoGradGuard no_grad;
  struct Case {
    int64_t batch, heads, queries, keys, width;
  };
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const Case& c : {Case{2, 3, 205, 600, 64},
                          {1, 2, 7, 1, 16},
                          {2, 1, 61, 77, 48},
                          {1, 1, 100, 130, 512},
                          {1, 2, 5, 9, 10}}) {
      const int64_t channels = c.heads * c.width;
      // Rows of a wider tensor: strided, as narrowed keys and values are.
      const at::Tensor q =
          (at::randn({c.batch, c.queries + 3, channels}) * 2).to(type).narrow(1, 2, c.queries);
      const at::Tensor kv = at::randn({c.batch, c.keys, 2 * channels}).to(type);
      const auto parts = kv.chunk(2, -1);
      const auto split = [&](const at::Tensor& x) {
        return x.to(at::kDouble).unflatten(2, {c.heads, c.width}).transpose(1, 2);
      };
      const at::Tensor expected = at::scaled_dot_product_attention(split(q), split(parts[0]), split(parts[1]))
                                      .transpose(1, 2)
                                      .flatten(2);
      const at::Tensor ours = multi_head_attention(q, parts[0], parts[1], c.heads);
      EXPECT_EQ(ours.scalar_type(), type);
      const bool is_float = type == at::kFloat;
      EXPECT_LT((ours.to(at::kDouble) - expected).abs().max().item<double>(), is_float ? 1e-5 : 0.015)
          << c.keys;
      EXPECT_LT((ours.to(at::kDouble) - expected).std().item<double>(),
                (is_float ? 3e-6 : 0.004) * expected.std().item<double>() + 1e-9);
    }
  }
}

// Scores far above and below others, as one token that all look at makes them.
TEST(MultiHeadAttention, KeepsToOneKeyAmongMany) {
  const at::NoGradGuard no_grad;
  at::manual_seed(7);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor q = at::ones({1, 5, 64}).to(type);
    at::Tensor k = at::full({1, 1000, 64}, -20.0f).to(type);
    k[0][700].fill_(20);
    const at::Tensor v = at::randn({1, 1000, 64}).to(type);
    const at::Tensor out = multi_head_attention(q, k, v, 1);
    for (int64_t i = 0; i < 5; ++i) EXPECT_TRUE(out[0][i].equal(v[0][700]));
  }
}

// Scores of 720,000, eleven times float16's largest number, by the fused way and by torch's plain one.
TEST(MultiHeadAttention, ScoresDoNotOverflowInFloat16) {
  const at::NoGradGuard no_grad;
  at::manual_seed(7);
  const at::Tensor q = at::full({1, 3, 64}, 300.0f).to(at::kHalf);
  const at::Tensor k = q.clone(), v = at::randn({1, 3, 64}).to(at::kHalf);
  const at::Tensor mean = v.to(at::kDouble).mean(1, true).expand({1, 3, 64});
  for (const bool is_fused : {true, false}) {
    at::globalContext().setSDPUseFlash(is_fused);
    const at::Tensor out = multi_head_attention(q, k, v, 1).to(at::kDouble);
    EXPECT_LT((out - mean).abs().max().item<double>(), 2e-3) << is_fused;
  }
  at::globalContext().setSDPUseFlash(true);
}

}  // namespace
}  // namespace relievo

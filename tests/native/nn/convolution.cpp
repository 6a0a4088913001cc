// What computes float32 on a processor, beside torch's own operators in double.
#include "nn/convolution.h"

#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include "kernels/matrix_product.h"

namespace relievo {
namespace {

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

struct Layer {
  at::Tensor weight, bias;
};
/// Weights whose results are about as large as what goes in.
Layer random_layer(int64_t out, int64_t in) {
  return {at::randn({out, in, 3, 3}) / std::sqrt(9.0 * static_cast<double>(in)), at::randn({out})};
}

at::Tensor in_double(const at::Tensor& x, const Layer& layer, Padding padding) {
  return at::conv2d(x.to(at::kDouble), layer.weight.to(at::kDouble), layer.bias.to(at::kDouble), 1,
                    at::IntArrayRef{padding.rows, padding.columns});
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// Whether torch's convolution is called while `call` runs.
template <typename Call>
bool asks_torch(const Call& call) {
  static thread_local bool asked;
  asked = false;
  const auto handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback([](const at::RecordFunction& function)
                                                                -> std::unique_ptr<at::ObserverContext> {
                                   asked = asked || std::string(function.name()) == "aten::convolution";
                                   return nullptr;
                                 }).scopes({at::RecordScope::FUNCTION}));
  call();
  at::removeCallback(handle);
  return asked;
}

class ConvolutionTest : public testing::Test {
 protected:
  ConvolutionTest() { at::manual_seed(5); }
  at::NoGradGuard no_grad_;
};

TEST_F(ConvolutionTest, AgreesWithTheDefinitionAtEverySize) {
  for (const int64_t height : {1, 2, 4, 5, 11}) {
    for (const int64_t width : {8, 9, 10, 15}) {
      for (const int64_t rows : {0, 1}) {
        if (height + 2 * rows < 3) continue;
        const at::Tensor x = channels_last(at::randn({2, 48, height, width}));
        const Layer layer = random_layer(32, 48);
        const Padding padding{.rows = rows, .columns = 1};
        const at::Tensor expected = in_double(x, layer, padding);
        at::Tensor made;
        const auto call = [&] { made = convolve(x, layer.weight, layer.bias, padding); };
        EXPECT_FALSE(asks_torch(call));
        ASSERT_EQ(made.sizes(), expected.sizes());
        EXPECT_LT(largest_difference(made, expected), 2e-5) << height << " x " << width;
        EXPECT_TRUE(made.is_contiguous(at::MemoryFormat::ChannelsLast));
        EXPECT_TRUE(at::equal(convolve(x, channels_last(layer.weight), layer.bias, padding), made));
        EXPECT_LT(largest_difference(convolve(x, layer.weight, {}, padding),
                                     expected - layer.bias.view({1, -1, 1, 1})),
                  2e-5);
      }
    }
  }
}

TEST_F(ConvolutionTest, IsNoLessExactThanTorchsWhereManyChannelsAddUp) {
  const at::Tensor x = channels_last(at::randn({1, 1280, 40, 40}));
  const Layer layer = random_layer(240, 1280);  // weights and tiles come in parts
  const Padding padding{1, 1};
  const at::Tensor torchs = at::conv2d(x, layer.weight, layer.bias, 1, 1);
  const at::Tensor ours = convolve(x, layer.weight, layer.bias, padding);
  // A few outputs tell: a double's convolution takes long.
  const Layer few{layer.weight.slice(0, 0, 240, 31), layer.bias.slice(0, 0, 240, 31)};
  const at::Tensor expected = in_double(x, few, padding);
  const double error_of_torch = largest_difference(torchs.slice(1, 0, 240, 31), expected);
  EXPECT_LT(largest_difference(ours.slice(1, 0, 240, 31), expected), 3 * error_of_torch + 1e-5);
  EXPECT_LT(largest_difference(ours, torchs), 1e-4);
}

/// Counts the blocks of more than 4 MiB that torch is asked for while it lives.
class LargeBlocks final : public c10::Allocator {
 public:
  LargeBlocks() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, kAboveAll); }
  ~LargeBlocks() override { c10::SetCPUAllocator(before_, kAboveAll); }

  c10::DataPtr allocate(size_t bytes) override {
    count_ += bytes > size_t{4} << 20;
    return before_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return before_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    before_->copy_data(to, from, bytes);
  }
  int count() const { return count_; }

 private:
  static constexpr uint8_t kAboveAll = 200;
  c10::Allocator* before_;
  int count_ = 0;
};

TEST_F(ConvolutionTest, KeepsItsRoomForTheNextOneWhereThatIsWanted) {
  const at::Tensor x = channels_last(at::randn({1, 64, 64, 64}));  // 1 MiB, as is the result
  const Layer layer = random_layer(64, 64);
  const auto asked_for = [&] {
    const LargeBlocks blocks;
    for (int i = 0; i < 3; ++i) convolve(x, layer.weight, layer.bias, {1, 1});
    return blocks.count();
  };
  EXPECT_EQ(asked_for(), 3);
  {
    const KeptConvolutionRoom room;
    EXPECT_EQ(asked_for(), 1);
  }
  EXPECT_EQ(asked_for(), 3) << "it was not given back";
}

TEST_F(ConvolutionTest, APicturesResultDoesNotDependOnItsBatchmates) {
  const at::Tensor x = channels_last(at::randn({5, 64, 9, 13}));
  const Layer layer = random_layer(48, 64);
  const at::Tensor together = convolve(x, layer.weight, layer.bias, {1, 1});
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(
        at::equal(convolve(x.narrow(0, i, 1), layer.weight, layer.bias, {1, 1}), together.narrow(0, i, 1)));
  }
}

/// Few channels, narrow pictures, other kernels and steps: torch's kernels round by the size here.
TEST_F(ConvolutionTest, OfAnyShapeIsTheDefinitionAndDependsOnNothingBeside) {
  struct Shape {
    int64_t in, out, kernel, padding, stride, width;
  };
  for (const Shape& s : {Shape{4, 48, 3, 1, 1, 13},
                         {64, 3, 3, 1, 1, 13},
                         {8, 8, 3, 1, 1, 13},
                         {40, 20, 3, 1, 1, 6},
                         {32, 32, 3, 0, 1, 13},
                         {8, 8, 3, 1, 2, 13},
                         {4, 40, 3, 1, 1, 40},
                         {24, 40, 3, 1, 2, 70},
                         {24, 10, 1, 0, 1, 13},
                         {3, 16, 14, 0, 14, 28}}) {
    const std::string name = std::to_string(s.in) + " to " + std::to_string(s.out);
    const int64_t height = s.kernel > 3 ? 28 : 16;
    const at::Tensor x = channels_last(at::randn({3, s.in, height, s.width}));
    const at::Tensor weight = at::randn({s.out, s.in, s.kernel, s.kernel}) /
                              std::sqrt(static_cast<double>(s.in * s.kernel * s.kernel));
    const at::Tensor bias = at::randn({s.out});
    const Padding padding{s.padding, s.padding};
    at::Tensor made;
    EXPECT_FALSE(asks_torch([&] { made = convolve(x, weight, bias, padding, s.stride); })) << name;
    const at::Tensor expected =
        at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble), s.stride, s.padding);
    ASSERT_EQ(made.sizes(), expected.sizes()) << name;
    EXPECT_LT(largest_difference(made, expected), 1e-5) << name;
    EXPECT_TRUE(made.is_contiguous(at::MemoryFormat::ChannelsLast)) << name;
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor alone = convolve(x.narrow(0, i, 1), weight, bias, padding, s.stride);
      EXPECT_TRUE(at::equal(alone, made.narrow(0, i, 1))) << name;
    }
    if (s.kernel > 3) continue;
    // The lower half with a row above it, as a strip is convolved.
    const int64_t half = height / 2, around = s.kernel / 2, below = s.padding;
    const at::Tensor strip = at::constant_pad_nd(x.narrow(0, 0, 1), {0, 0, 0, below}).slice(2, half - around);
    const at::Tensor rows = convolve(channels_last(strip), weight, bias, {0, s.padding}, s.stride);
    const int64_t first = made.size(2) - rows.size(2);
    EXPECT_TRUE(at::equal(rows, made.narrow(0, 0, 1).slice(2, first))) << name;
  }
}

TEST_F(ConvolutionTest, RoundsBfloat16OnceOnly) {
  if (kernels::has_amx()) GTEST_SUCCEED() << "torch's own is taken";
  const at::Tensor x = channels_last(at::randn({2, 64, 11, 13})).to(at::kBFloat16);
  const Layer layer = random_layer(48, 64);
  const Layer half{layer.weight.to(at::kBFloat16), layer.bias.to(at::kBFloat16)};
  const at::Tensor expected = in_double(x, half, {1, 1});
  const at::Tensor made = convolve(x, half.weight, half.bias, {1, 1});
  ASSERT_EQ(made.scalar_type(), at::kBFloat16);
  // Half a unit in the last of 8 bits.
  EXPECT_LT(((made - expected).abs() / (expected.abs() + 1e-3)).max().item<double>(), 1.05 / 256);
  EXPECT_TRUE(at::equal(convolve(x, channels_last(half.weight), half.bias, {1, 1}), made));
}

TEST_F(ConvolutionTest, OfFewChannelsOrOfPatchesDependsOnNothingBesideInBfloat16) {
  struct Shape {
    int64_t in, out, kernel, padding, stride;
  };
  for (const Shape& s : {Shape{4, 48, 3, 1, 1}, {3, 16, 14, 0, 14}}) {
    const at::Tensor x = channels_last(at::randn({3, s.in, 28, 42})).to(at::kBFloat16);
    const at::Tensor weight = (at::randn({s.out, s.in, s.kernel, s.kernel}) /
                               std::sqrt(static_cast<double>(s.in * s.kernel * s.kernel)))
                                  .to(at::kBFloat16);
    const at::Tensor made = convolve(x, weight, {}, {s.padding, s.padding}, s.stride);
    ASSERT_EQ(made.scalar_type(), at::kBFloat16);
    const at::Tensor expected =
        at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), {}, s.stride, s.padding);
    EXPECT_LT(((made - expected).abs() / (expected.abs() + 1e-2)).max().item<double>(), 1.05 / 256) << s.in;
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor alone = convolve(x.narrow(0, i, 1), weight, {}, {s.padding, s.padding}, s.stride);
      EXPECT_TRUE(at::equal(alone, made.narrow(0, i, 1))) << s.in;
    }
  }
}

TEST_F(ConvolutionTest, LeavesToTorchWhatItDoesNotTake) {
  const Layer layer = random_layer(32, 48);
  const at::Tensor x = at::randn({1, 48, 12, 12});
  const auto by_torch = [&](const at::Tensor& input, const at::Tensor& weight, Padding padding) {
    return asks_torch([&] { convolve(input, weight, {}, padding); });
  };
  EXPECT_FALSE(by_torch(channels_last(x), layer.weight, {1, 1}));
  EXPECT_TRUE(by_torch(x, layer.weight, {1, 1}));  // channels first
  EXPECT_TRUE(by_torch(channels_last(x).to(at::kDouble), layer.weight.to(at::kDouble), {1, 1}));
  const at::AutoGradMode learning(true);
  EXPECT_TRUE(by_torch(channels_last(x), layer.weight.clone().requires_grad_(), {1, 1}));
}

TEST_F(ConvolutionTest, LinearLayersAgreeWithDoubleAndDoNotMixRows) {
  for (const int64_t rows : {1, 2, 64, 301}) {
    const at::Tensor x = at::randn({3, rows, 80}), weight = at::randn({48, 80}) / 9, bias = at::randn({48});
    const at::Tensor expected = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
    const at::Tensor made = apply_linear(x, weight, bias);
    EXPECT_LT(largest_difference(made, expected), 2e-6);
    EXPECT_TRUE(at::equal(apply_linear(x.narrow(0, 1, 1), weight, bias), made.narrow(0, 1, 1)));
    EXPECT_LT(largest_difference(apply_linear(x, weight, {}), expected - bias), 2e-6);
  }
  EXPECT_EQ(apply_linear(at::empty({2, 0, 80}), at::randn({48, 80}), {}).sizes(),
            at::IntArrayRef({2, 0, 48}));
}

}  // namespace
}  // namespace relievo

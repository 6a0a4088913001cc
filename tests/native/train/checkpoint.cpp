#include "train/checkpoint.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

namespace relievo {
namespace {

at::Tensor parameter(at::IntArrayRef shape) { return (0.3 * at::randn(shape)).requires_grad_(true); }

struct Passes {
  at::Tensor output;
  std::vector<at::Tensor> gradients;  // of x, then of the weights
};

enum class How { kPlain, kCheckpointed };

/// Two blocks with dropout over shared weights; the same seed each time.
Passes run(How how, const at::Tensor& x0, std::vector<at::Tensor> weights) {
  for (at::Tensor& weight : weights) weight.mutable_grad() = at::Tensor();
  at::manual_seed(7);
  at::Tensor x = x0.detach().requires_grad_(true);
  const at::Tensor leaf = x;
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto block = [w = weights[i]](const std::vector<at::Tensor>& in) {
      return at::dropout(at::gelu(at::matmul(in[0], w)), 0.5, true) + in[0];
    };
    x = how == How::kPlain
            ? block({x})
            : checkpoint(std::function<at::Tensor(const std::vector<at::Tensor>&)>(block), {x});
  }
  torch::autograd::backward({x.to(at::kFloat).square().sum()}, {});
  Passes result{x.detach(), {leaf.grad()}};
  for (const at::Tensor& weight : weights) result.gradients.push_back(weight.grad());
  return result;
}

void expect_equal(const Passes& a, const Passes& b) {
  EXPECT_TRUE(at::equal(a.output, b.output));
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    ASSERT_TRUE(a.gradients[i].defined() && b.gradients[i].defined()) << i;
    EXPECT_TRUE(at::equal(a.gradients[i], b.gradients[i])) << i;
  }
}

TEST(Checkpoint, GradientsEqualPlainOnesThroughDropout) {
  const at::Tensor x = at::randn({5, 16});
  const std::vector<at::Tensor> weights{parameter({16, 16}), parameter({16, 16}), parameter({16, 16})};
  expect_equal(run(How::kPlain, x, weights), run(How::kCheckpointed, x, weights));
}

TEST(Checkpoint, KeepsAutocast) {
  const at::Tensor x = at::randn({5, 16});
  const std::vector<at::Tensor> weights{parameter({16, 16}), parameter({16, 16})};
  const auto under_autocast = [&](How how) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
    for (const at::Tensor& weight : weights) weight.mutable_grad() = at::Tensor();
    at::manual_seed(7);
    at::Tensor leaf = x.detach().requires_grad_(true), y = leaf;
    for (const at::Tensor& weight : weights) {
      const auto block = [weight](const std::vector<at::Tensor>& in) { return at::matmul(in[0], weight); };
      y = how == How::kPlain
              ? block({y})
              : checkpoint(std::function<at::Tensor(const std::vector<at::Tensor>&)>(block), {y});
    }
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);  // backward runs outside, as it should
    torch::autograd::backward({y.to(at::kFloat).square().sum()}, {});
    EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
    return Passes{y.detach(), {leaf.grad(), weights[0].grad(), weights[1].grad()}};
  };
  expect_equal(under_autocast(How::kPlain), under_autocast(How::kCheckpointed));
}

TEST(Checkpoint, LeavesTheRandomStateAsAPlainRunDoes) {
  const at::Tensor x = at::randn({5, 16});
  const std::vector<at::Tensor> weights{parameter({16, 16})};
  run(How::kPlain, x, weights);
  const at::Tensor after_plain = at::rand({4});
  run(How::kCheckpointed, x, weights);
  EXPECT_TRUE(at::equal(at::rand({4}), after_plain));
}

TEST(Checkpoint, PassesSeveralInputsAndOutputs) {
  const at::Tensor a = parameter({3}), b = at::randn({3}), c = parameter({3});
  const CheckpointedBlock block = [](const std::vector<at::Tensor>& in) {
    return std::vector<at::Tensor>{in[0] * in[1], in[0] + in[2] * in[2]};
  };
  const auto outputs = checkpoint(block, {a, b, c});
  torch::autograd::backward({outputs[0].sum() + 2 * outputs[1].sum()}, {});
  EXPECT_TRUE(at::allclose(a.grad(), b + 2));
  EXPECT_TRUE(at::allclose(c.grad(), 4 * c.detach()));
  EXPECT_FALSE(b.grad().defined());
}

TEST(Checkpoint, WithoutGradientsItOnlyCalls) {
  const at::Tensor a = parameter({3});
  const at::NoGradGuard guard;
  int calls = 0;
  const auto out = checkpoint(CheckpointedBlock([&](const std::vector<at::Tensor>& in) {
                                ++calls;
                                return std::vector<at::Tensor>{2 * in[0]};
                              }),
                              {a});
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(out[0].requires_grad());
}

}  // namespace
}  // namespace relievo

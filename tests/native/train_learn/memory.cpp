// What gradient checkpointing saves on the transformer that is fine-tuned.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "reconstruct/triplane_transformer.h"
#include "runtime/torch/counting_allocator.h"
#include "train/learn/learner.h"

namespace relievo {
namespace {

struct Pass {
  std::vector<at::Tensor> gradients;
  int64_t peak = 0;  // bytes of tensors, weights left out
};

Pass pass_of(const TriplaneTransformer& transformer, const at::Tensor& condition, const BlockRunner& runner) {
  for (at::Tensor& parameter : transformer.parameters()) parameter.mutable_grad() = at::Tensor();
  const auto account = std::make_shared<MemoryAccount>("pass");
  set_thread_account(account);
  const at::Tensor leaf = condition.detach().requires_grad_(true);
  torch::autograd::backward({transformer.forward_by(runner, leaf).square().mean()}, {});
  Pass pass{{leaf.grad()}, account->take_peak()};
  set_thread_account(nullptr);
  for (const at::Tensor& parameter : transformer.parameters()) pass.gradients.push_back(parameter.grad());
  return pass;
}

TEST(GradientCheckpointing, SavesTwoFifthsOfTwelveBlocksWithEqualGradients) {
  install_counting_allocator();
  at::manual_seed(2);
  const TriplaneTransformer transformer({.width = 64,
                                         .heads = 4,
                                         .layers = 12,
                                         .condition_width = 48,
                                         .low_resolution = 12,
                                         .high_resolution = 24,
                                         .channels = 8});
  for (at::Tensor& parameter : transformer.parameters()) {
    parameter.set_data(at::randn(parameter.sizes()) * 0.1);
    parameter.set_requires_grad(true);
  }
  const at::Tensor condition = at::randn({1, 60, 48});
  const Pass plain = pass_of(transformer, condition, {});
  const Pass checkpointed = pass_of(transformer, condition, block_runner(true));
  ASSERT_EQ(plain.gradients.size(), checkpointed.gradients.size());
  // A first pass without gradients sums into its inputs, and some of its kernels round in
  // another order.
  for (size_t i = 0; i < plain.gradients.size(); ++i) {
    const at::Tensor off = checkpointed.gradients[i] - plain.gradients[i];
    EXPECT_GT(plain.gradients[i].norm().item<double>(), 0) << i;
    EXPECT_LT(off.norm().item<double>(), 1e-4 * plain.gradients[i].norm().item<double>()) << i;
  }
  EXPECT_GT(plain.peak, 0);
  EXPECT_LE(static_cast<double>(checkpointed.peak), 0.6 * static_cast<double>(plain.peak));
}

}  // namespace
}  // namespace relievo

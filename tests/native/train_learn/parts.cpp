#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adamw.h>

#include "reconstruct/compact_network.h"
#include "train/learn/flat_parameters.h"
#include "train/learn/loss_scale.h"
#include "train/learn/losses.h"
#include "train/learn/plot.h"

namespace relievo {
namespace {

TEST(FlatParameters, StepsAsTorchsAdamW) {
  at::manual_seed(5);
  torch::nn::Linear ours(7, 3), theirs(7, 3);
  {
    const at::NoGradGuard no_gradients;
    theirs->weight.copy_(ours->weight);
    theirs->bias.copy_(ours->bias);
  }
  const auto options = torch::optim::AdamWOptions(0.02).betas({0.9, 0.98}).eps(1e-8);
  torch::optim::AdamWOptions plain = options;
  torch::optim::AdamW reference(
      {torch::optim::OptimizerParamGroup({theirs->weight},
                                         std::make_unique<torch::optim::AdamWOptions>(
                                             torch::optim::AdamWOptions(options).weight_decay(0.3))),
       torch::optim::OptimizerParamGroup({theirs->bias},
                                         std::make_unique<torch::optim::AdamWOptions>(
                                             torch::optim::AdamWOptions(options).weight_decay(0)))},
      plain);
  FlatParameters flat(ours->parameters(), at::kCPU);
  for (int64_t step = 1; step <= 5; ++step) {
    const at::Tensor x = at::randn({4, 7});
    flat.clear_gradients();
    reference.zero_grad();
    ours->forward(x).square().sum().backward();
    theirs->forward(x).square().sum().backward();
    EXPECT_TRUE(at::allclose(ours->weight.grad(), theirs->weight.grad(), 1e-4, 1e-5));
    flat.step({.learning_rate = 0.02, .beta1 = 0.9, .beta2 = 0.98, .weight_decay = 0.3}, step, 1, 0.998);
    reference.step();
  }
  EXPECT_TRUE(at::allclose(ours->weight, theirs->weight, 1e-4, 1e-6));
  EXPECT_TRUE(at::allclose(ours->bias, theirs->bias, 1e-4, 1e-6));
}

TEST(Losses, AreThoseOfTheFormulas) {
  CompactPlanes planes;
  planes.elevation = at::tensor({0.5f});
  planes.layers = at::zeros({1, 5, 2, 2});
  planes.errors = at::full({1, 2, 2, 2}, 0.02f);
  CompactAnswer answer{at::tensor({0.05f, -0.3f}).view({1, 2}), at::full({1, 2, 3}, 0.5f)};
  SampleBatch truth;
  truth.input = at::zeros({1, 6, 8, 8});
  truth.input.select(1, 4).fill_(0.5);  // all is inside the outline, and no part is thin
  truth.points = at::zeros({1, 2, 3});
  truth.distances = at::tensor({-0.2f, -0.04f}).view({1, 2});
  truth.inflated = at::tensor({-0.05f, 0.2f}).view({1, 2});
  truth.colours = at::full({1, 2, 3}, 0.7f);
  truth.depths = at::full({1, 4, 2, 2}, std::numeric_limits<float>::quiet_NaN());
  truth.depths.index_put_({0, 0, 0, 0}, at::tensor(0.25f));  // one front, one back
  truth.depths.index_put_({0, 1, 0, 0}, at::tensor(-0.75f));
  truth.elevation = at::tensor({0.2f});
  const Losses losses = losses_of(planes, answer, truth, {});
  EXPECT_NEAR(losses.distance.item<double>(), (0.15 + 0.06) / 2, 1e-6);
  const double wrong = std::log1p(std::exp(-0.4)) + 0.4, right = std::log1p(std::exp(-2.4));
  EXPECT_NEAR(losses.inside.item<double>(), (wrong + right) / 2, 1e-6);
  EXPECT_NEAR(losses.colour.item<double>(), 0.2, 1e-6);  // the second point alone is near the surface
  EXPECT_NEAR(losses.elevation.item<double>(), 0.3, 1e-6);
  EXPECT_NEAR(losses.layers.item<double>(), 0.5 + 0.2 * std::log(2.0), 1e-6);
  // Own distances are off by 0.15 and 0.06, the inflation's by 0.05 and 0.14.
  const double error = (0.13 * 0.13 + 0.04 * 0.04 + 0.03 * 0.03 + 0.12 * 0.12) / 2;
  EXPECT_NEAR(losses.error.item<double>(), error, 1e-6);
  EXPECT_NEAR(losses.overlap.item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(
      losses.total.item<double>(),
      10 * 0.105 + 0.5 * (wrong + right) / 2 + 0.6 * 0.2 + 0.1 * 0.3 + 0.5 + 0.2 * std::log(2.0) + 5 * error,
      1e-5);
}

CompactNetwork network_of(const CompactConfig& config) {
  CompactNetwork network(config);
  at::manual_seed(1);
  initialise(network);
  return network;
}

TEST(CompactNetwork, IsSmallEnoughToShip) {
  const CompactNetwork network{CompactConfig{}};
  int64_t count = 0;
  for (const at::Tensor& parameter : network.parameters()) count += parameter.numel();
  EXPECT_LE(2 * count, 20'000'000);
  EXPECT_GE(count, 4'000'000);
}

at::Tensor picture_of_a_square() {
  at::Tensor rgba = at::zeros({1, kCompactPicture, kCompactPicture, 4});
  rgba.slice(1, 32, 96).slice(2, 32, 96).fill_(0.8);
  return rgba;
}

at::Tensor input_of(const at::Tensor& picture) {
  const at::Tensor heights = heights_in_picture(*inflate_small(picture[0]), kCompactPicture);
  return compact_input(picture, heights.unsqueeze(0));
}

TEST(CompactNetwork, TheOutlinesDistanceIsThatOfItsPixels) {
  const at::Tensor input = input_of(picture_of_a_square());
  EXPECT_EQ(input.sizes(), (at::IntArrayRef{1, 6, 128, 128}));
  const auto distance = [&](int64_t row, int64_t column) { return input[0][4][row][column].item<double>(); };
  EXPECT_NEAR(distance(64, 32), 0.5 * 2 / 128, 1e-6);
  EXPECT_NEAR(distance(64, 31), -0.5 * 2 / 128, 1e-6);
  EXPECT_NEAR(distance(64, 41), 9.5 * 2 / 128, 1e-6);
  EXPECT_NEAR(input[0][0][64][64].item<double>(), (0.8 - 0.5) * 0.8, 1e-6);
  EXPECT_EQ(input[0][0][0][0].item<double>(), 0);
  // The inflation of a square of side 1: the square of its height is 4 times Poisson's solution in the
  // middle.
  EXPECT_NEAR(input[0][5][64][64].item<double>(), std::sqrt(4 * 0.0736713), 0.01);
  EXPECT_EQ(input[0][5][0][0].item<double>(), 0);
}

TEST(CompactNetwork, NothingIsInsideOutsideTheOutline) {
  const CompactNetwork network =
      network_of({.width = 24, .blocks = 1, .heads = 2, .channels = 8, .hidden = 16});
  const at::Tensor points = at::rand({1, 4000, 3}) * 2 - 1;
  const CompactPlanes planes = network.forward(input_of(picture_of_a_square()));
  const at::Tensor inflated = inflate_small(picture_of_a_square()[0])->values(points[0]).unsqueeze(0);
  const at::Tensor distance = network.answers(planes, points, inflated).distance[0];
  // The square is -0.5..0.5 in y and z.
  const at::Tensor off = points[0].slice(1, 1, 3).abs().amax(1) - 0.5;
  EXPECT_GT((distance - off).masked_select(off.gt(0.02)).min().item<double>(), -0.01);
}

TEST(CompactNetwork, EachPlaneSeesItsAxes) {
  const CompactNetwork network =
      network_of({.width = 24, .blocks = 1, .heads = 2, .channels = 8, .hidden = 16});
  const CompactPlanes seen = network.forward(input_of(picture_of_a_square()));
  const at::Tensor points = at::tensor({0.3f, -0.4f, 0.2f}).view({1, 1, 3});
  const at::Tensor inflated = at::zeros({1, 1});
  const double before = network.colour(seen, points, inflated).sum().item<double>();
  const auto moved = [&](CompactPlanes planes, at::Tensor CompactPlanes::*plane, int64_t row,
                         int64_t column) {
    at::Tensor changed = (planes.*plane).clone();
    changed.slice(2, row, row + 2).slice(3, column, column + 2) += 5;
    planes.*plane = changed;
    return std::abs(network.colour(planes, points, inflated).sum().item<double>() - before);
  };
  // A plane of side n has x at (x + 1) n / 2 - 0.5; rows run against z in the picture's planes and against x
  // in that from above.
  EXPECT_GT(moved(seen, &CompactPlanes::image, 25, 18), 1e-6);  // row (1 - .2) 32, column (1 - .4) 32
  EXPECT_EQ(moved(seen, &CompactPlanes::image, 25, 44), 0);
  EXPECT_EQ(moved(seen, &CompactPlanes::image, 37, 18), 0);
  EXPECT_GT(moved(seen, &CompactPlanes::above, 10, 9), 1e-6);  // row (1 - .3) 16, column (1 - .4) 16
  EXPECT_EQ(moved(seen, &CompactPlanes::above, 20, 9), 0);
  EXPECT_GT(moved(seen, &CompactPlanes::side, 12, 20), 1e-6);  // row (1 - .2) 16, column (1 + .3) 16
  EXPECT_EQ(moved(seen, &CompactPlanes::side, 12, 10), 0);
}

TEST(LossScale, IsHalvedByWhatIsNoNumberAndDoublesAfterManySteps) {
  LossScale scale{.scale = 8};
  EXPECT_FALSE(scale.accept(false));
  EXPECT_EQ(scale.scale, 4);
  EXPECT_EQ(scale.skipped_steps, 1);
  for (int64_t i = 1; i < LossScale::kPatience; ++i) EXPECT_TRUE(scale.accept(true));
  EXPECT_EQ(scale.scale, 4);
  EXPECT_TRUE(scale.accept(true));
  EXPECT_EQ(scale.scale, 8);
  for (int i = 0; i < 10; ++i) scale.accept(false);
  EXPECT_EQ(scale.scale, LossScale::kLeast);
}

TEST(Plot, LongCurvesAreThinnedAndFillTheirFrames) {
  Curve curve{"loss", {}, {}};
  for (int i = 0; i < 1000; ++i) {
    curve.steps.push_back(i);
    curve.values.push_back(i);
  }
  const std::string svg = plot_of({curve});
  const size_t begin = svg.find("points=\"") + 8;
  const std::string points = svg.substr(begin, svg.find('"', begin) - begin);
  EXPECT_EQ(std::ranges::count(points, ','), 200);
  EXPECT_TRUE(points.starts_with("70.0,230.0 "));  // the lower left corner of the frame
  EXPECT_TRUE(points.ends_with("710.0,30.0 "));    // the upper right one
}

}  // namespace
}  // namespace relievo

// The compact network's field, with networks whose heads are set by hand.
#include "reconstruct/compact_field.h"

#include <array>
#include <cmath>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../expect_error.h"
#include "../weights/samples.h"
#include "reconstruct/compact_file.h"
#include "reconstruct/compact_input.h"

namespace relievo {
namespace {

constexpr CompactConfig kSmall{.width = 24, .blocks = 1, .heads = 2, .channels = 8, .hidden = 16};

/// A disc of radius 0.8 in the box.
Foreground disc() {
  constexpr int kSide = 256;
  Foreground foreground;
  foreground.image = Image(kSide, kSide, 4);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const float right = (static_cast<float>(x) + 0.5f) / 128 - 1,
                  up = 1 - (static_cast<float>(y) + 0.5f) / 128;
      float* const p = foreground.image.pixel(x, y);
      p[0] = 0.8f;
      p[3] = std::clamp((0.8f - std::hypot(right, up)) * 128 + 0.5f, 0.0f, 1.0f);
    }
  }
  return foreground;
}

/// A network that adds `correction` to every distance and takes itself and the inflation to be off by these.
std::shared_ptr<CompactNetwork> network_that_adds(float correction, float own_error, float inflations_error) {
  const at::NoGradGuard no_gradients;
  auto network = std::make_shared<CompactNetwork>(kSmall);
  at::manual_seed(1);
  initialise(*network);
  const auto parameters = network->named_parameters();
  parameters["distance.4.weight"].zero_();
  parameters["distance.4.bias"].fill_(correction);
  parameters["layers.weight"].zero_();
  const auto before_softplus = [](float error) { return std::log(std::expm1(error)) + 3; };
  parameters["layers.bias"][5].fill_(before_softplus(own_error));
  parameters["layers.bias"][6].fill_(before_softplus(inflations_error));
  return network;
}

std::unique_ptr<CompactField> field_of(std::shared_ptr<CompactNetwork> network) {
  return compact_field(std::move(network), disc(), {}, {});
}

float value_at(const Field& field, float x, float y, float z) {
  return field.values(at::tensor({x, y, z}).view({1, 3})).item<float>();
}

TEST(CompactField, ANetworkThatKnowsNothingGivesTheInflation) {
  const auto field = field_of(network_that_adds(0, 0.05f, 0.05f));
  const auto ball = inflate(disc(), {}, {});
  const at::Tensor points = at::rand({500, 3}) * 1.6 - 0.8;
  const at::Tensor wanted = ball->values(points).clamp(-kCompactReach, kCompactReach),
                   made = field->values(points);
  EXPECT_TRUE(at::equal(made.lt(0), wanted.lt(0)));
  // Close to the outline nothing can be further inside than the outline is away.
  const at::Tensor is_deep = points.slice(1, 1, 3).norm(2, {1}).lt(0.8 - 1.1 * kCompactReach);
  EXPECT_GT(is_deep.sum().item<int64_t>(), 100);
  EXPECT_LT((made - wanted).masked_select(is_deep).abs().max().item<double>(), 1e-5);
}

TEST(CompactField, ASureNetworkCountsAndAnUnsureOneDoesNot) {
  const auto sure = field_of(network_that_adds(0.1f, 0.001f, 0.1f)),
             unsure = field_of(network_that_adds(0.1f, 0.1f, 0.001f)),
             even = field_of(network_that_adds(0.1f, 0.05f, 0.05f));
  EXPECT_NEAR(value_at(*sure, 0.75f, 0, 0), 0.05, 0.005);
  EXPECT_NEAR(value_at(*unsure, 0.75f, 0, 0), -0.05, 0.005);
  EXPECT_NEAR(value_at(*even, 0.75f, 0, 0), 0, 0.005);
}

TEST(CompactField, WhatTheNetworkLeavesEmptyIsFilledBySheets) {
  // Nothing of the disc is left: a sheet at the predicted depth, as thick as the inflation, stands for it.
  const auto field = field_of(network_that_adds(2, 0.001f, 0.1f));
  EXPECT_NEAR(value_at(*field, 0, 0, 0), -0.8, 0.02);
  EXPECT_GT(value_at(*field, 0.9f, 0, 0), 0);
  EXPECT_LT(value_at(*field, 0, 0.6f, 0.2f), 0);
  EXPECT_GT(value_at(*field, 0, 0.9f, 0), 0);  // outside the mask
}

TEST(CompactField, LayersAreTwoIntervalsWithinTheOutline) {
  CompactPlanes planes;
  planes.input = at::zeros({1, 6, 8, 8});
  planes.input.select(1, 4).fill_(0.04);  // as far from the outline everywhere
  planes.layers = at::zeros({1, 5, 4, 4});
  const std::array<float, 4> ends{0.5f, 0.2f, -0.1f, -0.4f};
  for (int64_t i = 0; i < 4; ++i) planes.layers.select(1, i).fill_(ends[static_cast<size_t>(i)]);
  const auto at_x = [&](float x) {
    return layers_distance(planes, at::tensor({x, 0.1f, -0.2f}).view({1, 1, 3})).item<float>();
  };
  planes.layers.select(1, 4).fill_(1);
  EXPECT_NEAR(at_x(0.52f), 0.02, 1e-6);
  EXPECT_NEAR(at_x(0.48f), -0.02, 1e-6);
  EXPECT_NEAR(at_x(0.35f), -0.04, 1e-6);  // no further inside than the outline is away
  EXPECT_NEAR(at_x(-0.38f), -0.02, 1e-6);
  EXPECT_NEAR(at_x(0.05f), 0.1, 1e-6);
  EXPECT_NEAR(at_x(-0.9f), 0.1, 1e-6);
  planes.layers.select(1, 4).fill_(-1);  // there is no second one
  EXPECT_NEAR(at_x(-0.38f), 0.1, 1e-6);
}

TEST(CompactField, ItsElevationIsThePredictedOneWhereItIsSure) {
  const auto elevation = [](float angle, float own_error, float inflations_error) {
    const auto network = network_that_adds(0, own_error, inflations_error);
    const at::NoGradGuard no_gradients;
    network->named_parameters()["elevation.weight"].zero_();
    network->named_parameters()["elevation.bias"].fill_(angle);
    return field_of(network)->elevation();
  };
  EXPECT_NEAR(elevation(0.4f, 0.001f, 0.1f), 0.4, 0.01);
  EXPECT_NEAR(elevation(0.4f, 0.05f, 0.05f), 0.2,
              0.01);  // half is the inflation's, which stands as it is seen
  EXPECT_NEAR(elevation(0.4f, 0.1f, 0.001f), 0, 0.01);
  EXPECT_NEAR(elevation(3, 0.001f, 0.1f), 0.873, 0.01);
  EXPECT_NEAR(elevation(0.02f, 0.001f, 0.1f), 0.004, 0.001);
}

TEST(CompactField, AGridIsTheSameNearTheSurface) {
  const auto field = field_of(network_that_adds(0.05f, 0.001f, 0.1f));
  const at::Tensor line = at::linspace(-1.05, 1.05, 65);
  const auto grid = field->on_grid(line, int64_t{1} << 30);
  const auto by_points = field->on_grid_by_points(line);
  const int64_t count = 65 * 65 * 65;
  const at::Tensor fast = grid->values(0, count), slow = by_points->values(0, count);
  const at::Tensor near = slow.abs().lt(0.05);
  EXPECT_GT(near.sum().item<int64_t>(), 1000);
  EXPECT_LT((fast - slow).masked_select(near).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(at::equal(fast.lt(0), slow.lt(0)));
  EXPECT_TRUE(at::equal(grid->values(1000, 1200), fast.slice(0, 1000, 1200)));
}

TEST(CompactField, TrustChangesSlowlyAndOnlyTheMaskCounts) {
  at::Tensor errors = at::full({2, 64, 64}, 0.05);
  errors[0].slice(1, 32).fill_(0.01);  // the network is sure on the right side
  at::Tensor mask = at::zeros({64, 64});
  mask.slice(0, 16, 48).fill_(1);
  errors.select(0, 0).slice(0, 0, 16).fill_(1);  // outside the mask
  const at::Tensor trust = trust_in_network(errors, mask);
  EXPECT_NEAR(trust[32][4].item<double>(), 0.5, 0.01);
  EXPECT_GT(trust[32][60].item<double>(), 0.95);
  EXPECT_NEAR(trust[17][4].item<double>(), 0.5, 0.01);
  const at::Tensor row = trust[32];
  EXPECT_LT((row.slice(0, 1) - row.slice(0, 0, 63)).abs().max().item<double>(), 0.1);
}

TEST(CompactFile, RefusesSizesThatCannotBe) {
  const Scratch scratch;
  const auto path = scratch.folder() / "model.safetensors";
  const auto refused = [&](const char* why, const std::string& description) {
    scratch.write("model.json", description);
    expect_error(ErrorCode::kModelCorrupt, why, [&] { load_compact(path); });
  };
  refused("its sizes are not there", R"({"format": "relievo-compact 1"})");
  refused("out of range", R"({"model": {"width": 0, "blocks": 1, "heads": 2, "channels": 8, "hidden": 16}})");
  refused("does not divide",
          R"({"model": {"width": 25, "blocks": 1, "heads": 2, "channels": 8, "hidden": 16}})");
  refused("does not describe", "{");
}

}  // namespace
}  // namespace relievo

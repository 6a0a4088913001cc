
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../published_parameters.h"
#include "base/error.h"
#include "reconstruct/lrm.h"

namespace relievo {
namespace {

using nlohmann::json;

TEST(Lrm, ParameterListsOfTheFullSizesAreThePublishedOnes) {
  const json counts = published_counts();
  for (const std::string name :
       {"instant-mesh-base", "instant-mesh-large", "instant-nerf-base", "instant-nerf-large"}) {
    SCOPED_TRACE(name);
    expect_published(Lrm(published_lrm(name)), counts.at(name), "lrm_generator.");
  }
}

TEST(Lrm, UnknownModelIsMissing) {
  for (const std::string name : {"instant-mesh-huge", "mesh-base", ""}) {
    try {
      published_lrm(name);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModelMissing);
    }
  }
}

/// A tiny model with random weights.
Lrm tiny_lrm() {
  LrmConfig config;
  config.encoder = {.width = 16, .heads = 2, .layers = 1, .mlp_width = 32, .patch = 8, .image = 16};
  config.transformer = {.width = 16,
                        .heads = 2,
                        .layers = 1,
                        .condition_width = 16,
                        .low_resolution = 4,
                        .high_resolution = 8,
                        .channels = 4};
  Lrm lrm(config);
  for (auto& parameter : lrm.parameters()) parameter.set_data(at::randn(parameter.sizes()) * 0.2);
  return lrm;
}

TEST(Lrm, ViewsThatDoNotDivideIntoPatchesAreRefused) {
  const Lrm lrm = tiny_lrm();
  for (const int64_t side : {4, 20}) {
    try {
      lrm.reconstruct({at::zeros({2, 3, side, side}), at::zeros({2, 16})}, {});
      FAIL() << side;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
    }
  }
}

TEST(Lrm, StopsWhenCancelled) {
  const Lrm lrm = tiny_lrm();
  Execution execution;
  const CancelToken token = execution.control.cancel;
  execution.control.progress = Progress([&](double) { token.cancel(); });  // as soon as it has begun
  try {
    lrm.reconstruct({at::zeros({2, 3, 16, 16}), at::zeros({2, 16})}, execution);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

// torch's own grid_sample is the second opinion on the kernel, plane by plane.
TEST(SampleTriplane, AgreesWithGridSample) {
  at::manual_seed(5);
  const at::Tensor planes = at::randn({3, 4, 9, 7}), points = at::rand({300, 3}) * 2.6 - 1.3;
  const int64_t axes[3][2] = {{0, 1}, {0, 2}, {2, 1}};
  std::vector<at::Tensor> expected;
  for (int64_t plane = 0; plane < 3; ++plane) {
    const at::Tensor grid =
        at::stack({points.select(1, axes[plane][0]), points.select(1, axes[plane][1])}, -1);
    const at::Tensor sampled =
        at::grid_sampler(planes[plane].unsqueeze(0), grid.view({1, 1, -1, 2}), 0, 0, false);
    expected.push_back(sampled[0].squeeze(1).t());
  }
  EXPECT_LT((sample_triplane(planes, points) - at::cat(expected, 1)).abs().max().item<float>(), 1e-5);
}

TEST(TriplaneField, DeformationStaysWithinAQuarterCube) {
  at::manual_seed(6);
  const auto heads = std::make_shared<MeshHeads>(4);
  for (auto& parameter : heads->parameters()) parameter.set_data(at::randn(parameter.sizes()) * 3);
  const TriplaneMeshField field(at::randn({3, 4, 8, 8}), heads);
  const at::Tensor moved = field.deformation(at::rand({100, 3}) * 2 - 1, 16);
  EXPECT_LE(moved.abs().max().item<float>(), 1.0f / 64 + 1e-7f);
  EXPECT_GT(moved.abs().max().item<float>(), 1.0f / 128);
}

}  // namespace
}  // namespace relievo

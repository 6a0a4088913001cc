// The three stages in one call.
#include <gtest/gtest.h>

#include "../nn/together.h"
#include "base/error.h"
#include "tiny_model.h"

namespace relievo {
namespace {

/// The latents before decoding, and whatever else is seen.
std::map<std::string, at::Tensor> seen_in_a_run(const MultiviewModel& model,
                                                const MultiviewSettings& settings) {
  std::map<std::string, at::Tensor> seen;
  MultiviewHooks hooks;
  hooks.observer = [&](const std::string& name, const at::Tensor& value) { seen[name] = value.clone(); };
  paint_view_grid(test_picture(), {}, model, settings, {}, hooks);
  return seen;
}

TEST(PaintViewGrid, GuidanceOfOneLeavesTheOtherHalfOut) {
  const MultiviewModel model = tiny_model();
  MultiviewSettings settings = tiny_settings();
  settings.guidance = 1;
  const auto one = seen_in_a_run(model, settings);
  EXPECT_EQ(one.at("step0/unet_out").size(0), 1);
  settings.guidance = 1 + 1e-7;
  const auto both = seen_in_a_run(model, settings);
  EXPECT_EQ(both.at("step0/unet_out").size(0), 2);
  EXPECT_LT(largest_difference(one.at("decode_in"), both.at("decode_in")), 1e-3);
}

TEST(PaintViewGrid, NoiseIsThePicturesOwn) {
  const MultiviewModel model = tiny_model();
  const MultiviewSettings settings = tiny_settings();
  const ByteImage first = paint_view_grid(test_picture(), {}, model, settings, {});
  EXPECT_EQ(first.width, 48);
  EXPECT_EQ(first.height, 72);
  const NoiseKey other_picture{.picture = 1}, other_seed{.seed = 1};
  EXPECT_NE(paint_view_grid(test_picture(), other_picture, model, settings, {}).pixels, first.pixels);
  EXPECT_NE(paint_view_grid(test_picture(), other_seed, model, settings, {}).pixels, first.pixels);
  EXPECT_EQ(paint_view_grid(test_picture(), {}, model, settings, {}).pixels, first.pixels);
}

TEST(PaintViewGrid, EverySamplerRuns) {
  const MultiviewModel model = tiny_model();
  MultiviewSettings settings = tiny_settings();
  std::vector<at::Tensor> results;
  for (const auto kind : {SamplerKind::kEulerAncestral, SamplerKind::kDpmSolver2M, SamplerKind::kUniPC}) {
    settings.sampler = kind;
    results.push_back(seen_in_a_run(model, settings).at("decode_in"));
    EXPECT_TRUE(at::isfinite(results.back()).all().item<bool>());
  }
  EXPECT_GT(largest_difference(results[0], results[1]), 1e-3);
  EXPECT_GT(largest_difference(results[1], results[2]), 1e-6);
}

TEST(PaintViewGrid, BFloat16StaysNearFloat32) {
  const MultiviewModel model = tiny_model();
  const auto settings = tiny_settings();
  const at::Tensor full = seen_in_a_run(model, settings).at("step0/unet_out");
  for (const auto& parameter : model.unet->parameters()) {
    const_cast<at::Tensor&>(parameter).set_data(parameter.to(at::kBFloat16));
  }
  const at::Tensor half = seen_in_a_run(model, settings).at("step0/unet_out");
  EXPECT_LT((half - full).std().item<double>(), 0.03 * full.std().item<double>());
  EXPECT_GT(largest_difference(half, full), 0);
}

TEST(PaintViewGrid, ReportsEachStepAndStopsWithinOne) {
  const MultiviewModel model = tiny_model();
  Execution execution;
  const CancelToken token = execution.control.cancel;
  std::vector<double> reported;
  execution.control.progress = Progress([&](double fraction) {
    reported.push_back(fraction);
    if (reported.size() == 3) token.cancel();  // at the end of the first step
  });
  try {
    paint_view_grid(test_picture(), {}, model, tiny_settings(), execution);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(reported.size(), 3u);
}

TEST(PaintViewGrid, ImpossibleSettingsAreRefused) {
  const MultiviewModel model = tiny_model();
  const auto refused = [&](const MultiviewSettings& settings) {
    try {
      paint_view_grid(test_picture(), {}, model, settings, {});
    } catch (const Error& error) {
      return error.code() == ErrorCode::kInvalidSettings;
    }
    return false;
  };
  MultiviewSettings settings = tiny_settings();
  settings.view_size = 30;
  EXPECT_TRUE(refused(settings));
  settings = tiny_settings();
  settings.steps = 0;
  EXPECT_TRUE(refused(settings));
  for (const auto& parameter : model.unet->parameters()) {
    const_cast<at::Tensor&>(parameter).set_data(parameter.to(at::kHalf));
  }
  EXPECT_TRUE(refused(tiny_settings()));
}

TEST(MakeViews, GivesSixViewsWithTheirCameras) {
  Foreground foreground{Image(32, 32, 4, 0.5f), {}};
  const Views views = make_views(foreground, {}, tiny_model(), tiny_settings(), {});
  EXPECT_EQ(views.pixels.sizes(), at::IntArrayRef({6, 3, 24, 24}));
  EXPECT_EQ(views.cameras.sizes(), at::IntArrayRef({6, 16}));
  EXPECT_GE(views.pixels.min().item<float>(), 0);
  EXPECT_LE(views.pixels.max().item<float>(), 1);
  EXPECT_FALSE(views.cameras[0].equal(views.cameras[1]));
}

TEST(ConditionViews, WorkersThatShareTheNetworksMakeTheSame) {
  const MultiviewModel model = tiny_model();
  const Conditions alone = condition_views(test_picture(), {}, {.parts = {&model.condition}}, {});
  for (const size_t workers : {2, 3, 5}) {
    ConditionPlaces places;
    places.parts.assign(workers, &model.condition);
    places.run_together = on_threads(workers);
    const Conditions shared = condition_views(test_picture(), {}, places, {});
    EXPECT_TRUE(shared.latents.equal(alone.latents)) << workers;
    EXPECT_TRUE(shared.states.equal(alone.states)) << workers;
  }
}

}  // namespace
}  // namespace relievo

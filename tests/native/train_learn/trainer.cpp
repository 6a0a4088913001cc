#include "train/learn/trainer.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../expect_error.h"
#include "base/json.h"
#include "nn/tensors.h"
#include "reconstruct/compact_file.h"
#include "small_data.h"
#include "train/data/samples.h"
#include "train/learn/run_state.h"
#include "train/learn/sample_set.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

class TrainerTest : public SmallData {
 protected:
  at::Tensor kept(const std::string& run, const char* name) const {
    return tensor_view(read_safetensors(checkpoint_of(folder_ / run)), name).clone();
  }
  /// The lines of metrics without what depends on the clock.
  std::vector<nlohmann::json> metrics(const std::string& run) const {
    std::ifstream file(folder_ / run / "metrics.jsonl");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(parse_json(line));
      lines.back().erase("samples_per_second");
    }
    return lines;
  }
};

struct Killed {};

TEST_F(TrainerTest, KilledAndResumedEqualsUnbrokenToTheBit) {
  train(config("unbroken"), {});
  const TrainOptions until_five{.on_step = [](const TrainStep& now) {
    if (now.step == 5) throw Killed{};
  }};
  EXPECT_THROW(train(config("broken"), until_five), Killed);
  EXPECT_EQ(trained_steps(folder_ / "broken"), 3);
  EXPECT_EQ(train(config("broken"), {}), 6);
  for (const char* name : {"values", "first_moment", "second_moment", "averaged", "random", "window"}) {
    EXPECT_TRUE(at::equal(kept("broken", name), kept("unbroken", name))) << name;
  }
  EXPECT_EQ(metrics("broken"), metrics("unbroken"));
  EXPECT_EQ(metrics("broken").size(), 3u);
}

TEST_F(TrainerTest, ACancelledRunIsSaved) {
  const CancelToken cancel;
  const TrainOptions options{.cancel = cancel, .on_step = [&](const TrainStep& now) {
                               if (now.step == 2) cancel.cancel();
                             }};
  EXPECT_THROW(train(config("run"), options), Error);
  EXPECT_EQ(trained_steps(folder_ / "run"), 2);
}

TEST_F(TrainerTest, ABatchInPartsIsTheWholeBatch) {
  train(config("whole"), {});
  TrainConfig in_parts = config("parts");
  in_parts.parts = 2;
  train(in_parts, {});
  // The mean gradient: Adam's steps would make much of rounding where there is none.
  const at::Tensor whole = kept("whole", "first_moment"), parts = kept("parts", "first_moment");
  EXPECT_LT((parts - whole).norm().item<double>(), 0.01 * whole.norm().item<double>());
}

TEST_F(TrainerTest, CheckpointedBlocksLearnTheSame) {
  train(config("plain"), {});
  TrainConfig checkpointed = config("checkpointed");
  checkpointed.checkpointed = true;
  train(checkpointed, {});
  EXPECT_TRUE(at::equal(kept("checkpointed", "values"), kept("plain", "values")));
}

TEST_F(TrainerTest, ARunIsNotGoneOnWithOtherSettings) {
  train(config("run"), {});
  TrainConfig other = config("run");
  other.learning_rate = 0.5;
  expect_error(ErrorCode::kInvalidSettings, "another 'learning_rate'", [&] { train(other, {}); });
}

TEST_F(TrainerTest, ADamagedCheckpointIsAnError) {
  train(config("run"), {});
  std::filesystem::resize_file(checkpoint_of(folder_ / "run"), 5000);
  expect_error(ErrorCode::kModelCorrupt, "checkpoint", [&] { train(config("run"), {}); });
}

TEST_F(TrainerTest, AnExportedModelIsTheAverageInHalfPrecision) {
  train(config("run"), {});
  export_model(folder_ / "run", folder_ / "model.safetensors");
  const TensorFile file = read_safetensors(folder_ / "model.safetensors");
  EXPECT_EQ(file.at("stem.weight").dtype, DType::kFloat16);
  const auto network = load_compact(folder_ / "model.safetensors");
  std::vector<at::Tensor> all;
  for (const at::Tensor& parameter : network->parameters()) all.push_back(parameter.flatten());
  EXPECT_TRUE(at::equal(at::cat(all), kept("run", "averaged").to(at::kHalf).to(at::kFloat)));
  EXPECT_FALSE(at::equal(kept("run", "averaged"), kept("run", "values")));
  // Whose objects it learnt from lies beside it.
  std::ifstream origins(folder_ / "model.objects.jsonl");
  std::string first;
  ASSERT_TRUE(std::getline(origins, first));
  EXPECT_EQ(parse_json(first).at("author").get<std::string>(), "the authors of Relievo");
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(origins), {}, '\n'), 2);
  expect_error(ErrorCode::kModelMissing, "no checkpoint",
               [&] { export_model(folder_ / "nothing", folder_ / "model.safetensors"); });
}

/// Two objects by heart: what cannot learn these cannot learn anything.
TEST_F(TrainerTest, OverfitsTwoObjects) {
  make_data(list_objects({.generated = 2}), folder_ / "two", {.samples = {.views = 1}});
  TrainConfig two = config("two_run");
  two.data = {folder_ / "two"};
  two.model = {.width = 48, .blocks = 2, .heads = 4, .channels = 32, .hidden = 64};
  two.steps = 400;
  two.batch = 2;
  two.warm_up = 40;
  two.learning_rate = 2e-3;
  two.longest_gradient = 1;
  two.average = 0.98;
  two.save_every = 400;
  two.varied = false;
  two.precision = Precision::kBFloat16;
  train(two, {});
  export_model(two.output, folder_ / "two.safetensors");
  const auto network = load_compact(folder_ / "two.safetensors");
  const at::NoGradGuard no_gradients;
  const SampleBatch batch =
      SampleSet(two.data, Seen::kCompact, true, 0.5, 0).batch({0, 1, 2, 3, 4, 5, 6, 7}, Varied::kNo);
  // The points that are uniform in depth: those near the surface would measure the noise that put them there.
  const at::Tensor points = batch.points.slice(1, kPointsNearSurface),
                   inflated = batch.inflated.slice(1, kPointsNearSurface);
  const at::Tensor made = network->distance(network->forward(batch.input), points, inflated).lt(0);
  const at::Tensor truth = batch.distances.slice(1, kPointsNearSurface).lt(0);
  const double both = (made & truth).sum().item<double>(), either = (made | truth).sum().item<double>();
  EXPECT_GE(both / either, 0.9);
  // The inflation, which it begins with, does not know these objects.
  const at::Tensor before = inflated.lt(0);
  EXPECT_LT((before & truth).sum().item<double>() / (before | truth).sum().item<double>(), 0.8);
}

/// A processor computes three seconds on a sample in float16: these are as few as can be.
TEST_F(TrainerTest, ScaledLossesAreKeptInTheCheckpoint) {
  const auto scaled = [this](const char* run) {
    TrainConfig config = small_config(folder_, run);
    config.precision = Precision::kFloat16;
    config.steps = 3;
    config.batch = 1;
    config.save_every = 1;
    config.log_every = 1;
    return config;
  };
  train(scaled("unbroken"), {});
  const TrainOptions until_two{.on_step = [](const TrainStep& now) {
    if (now.step == 2) throw Killed{};
  }};
  EXPECT_THROW(train(scaled("broken"), until_two), Killed);
  EXPECT_EQ(train(scaled("broken"), {}), 3);
  for (const char* name : {"values", "loss_scale"}) {
    EXPECT_TRUE(at::equal(kept("broken", name), kept("unbroken", name))) << name;
  }
  const auto lines = metrics("unbroken");
  EXPECT_EQ(lines.back().at("loss_scale").get<double>(), kept("unbroken", "loss_scale")[0].item<double>());
  EXPECT_EQ(lines.back().at("skipped_steps").get<double>(), kept("unbroken", "loss_scale")[2].item<double>());
}

TEST_F(TrainerTest, AFloat16StepIsTheFloat32StepUpToRounding) {
  const auto moment_of = [this](const char* run, Precision precision) {
    TrainConfig config = small_config(folder_, run);
    config.precision = precision;
    config.steps = 4;  // a scale that is too large is halved until it fits
    config.batch = 1;
    config.warm_up = 0;
    config.learning_rate = 1e-9;
    train(config, {});
    return kept(run, "first_moment");
  };
  const at::Tensor half = moment_of("half", Precision::kFloat16),
                   full = moment_of("full", Precision::kFloat32);
  ASSERT_EQ(kept("half", "loss_scale")[2].item<double>(), 0);
  const double cosine = ((half * full).sum() / half.norm() / full.norm()).item<double>();
  EXPECT_GT(cosine, 0.95);
}

TEST_F(TrainerTest, ARunIsPlotted) {
  train(config("run"), {});
  std::ifstream file(folder_ / "run" / "metrics.svg");
  const std::string svg((std::istreambuf_iterator<char>(file)), {});
  EXPECT_NE(svg.find("loss, steps 2 to 6"), std::string::npos);
  EXPECT_NE(svg.find("overlap, steps 2 to 6"), std::string::npos);
}

TEST_F(TrainerTest, FlippedPicturesAndPointsBelongTogether) {
  const SampleSet samples({folder_ / "data"}, Seen::kCompact, true, 0.5, 3);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < 24; ++i) numbers.push_back(i);
  const SampleBatch batch = samples.batch(numbers, Varied::kYes);
  // What is inside lies behind the silhouette, and the front of the layers is seen there too.
  const at::Tensor grid = at::stack({batch.points.select(2, 1), -batch.points.select(2, 2)}, -1).unsqueeze(1);
  const auto seen_at = [&](const at::Tensor& plane) {
    return at::grid_sampler_2d(plane, grid, 1, 1, false).squeeze(2).squeeze(1);
  };
  const at::Tensor inside = batch.distances.lt(-0.02);
  const auto share = [&](const at::Tensor& seen) {
    return seen.masked_select(inside).to(at::kFloat).mean().item<double>();
  };
  EXPECT_GT(share(seen_at(batch.input.slice(1, 3, 4)).gt(0.5)), 0.98);
  EXPECT_GT(share(seen_at(batch.depths.slice(1, 0, 1)).isfinite()), 0.97);
  const SampleBatch again = samples.batch({numbers[7]}, Varied::kYes);
  EXPECT_TRUE(at::equal(again.input[0], batch.input[7]));
  EXPECT_TRUE(at::equal(again.points[0], batch.points[7]));
}

TEST_F(TrainerTest, HeldOutObjectsAreNotTrainedOn) {
  std::ofstream(folder_ / "data/objects.jsonl")
      << R"({"name": "generated-00000", "family": "a", "part": "training"})"
      << "\n"
      << R"({"name": "generated-00001", "family": "b", "part": "held-out object"})"
      << "\n"
      << R"({"name": "generated-00002", "family": "c", "part": "held-out family"})"
      << "\n";
  EXPECT_EQ(SampleSet({folder_ / "data"}, Seen::kCompact, false, 0.5, 3).objects(), 1u);
  EXPECT_EQ(SampleSet({folder_ / "data"}, Seen::kCompact, true, 0.5, 3).objects(), 3u);
}

TEST_F(TrainerTest, AConfigurationIsReadStrictly) {
  const auto path = folder_ / "run.json";
  std::ofstream(path) << R"({"data": "data", "output": "run", "batch": 8, "model": {"width": 48}})";
  const TrainConfig read = read_train_config(path);
  EXPECT_EQ(read.data.at(0), folder_ / "data");
  EXPECT_EQ(read.batch, 8);
  EXPECT_EQ(read.model.width, 48);
  std::ofstream(path) << R"({"data": "data", "output": "run", "lerning_rate": 8})";
  expect_error(ErrorCode::kInvalidSettings, "lerning_rate", [&] { read_train_config(path); });
  std::ofstream(path) << R"({"data": "data", "output": "run", "batch": 0})";
  expect_error(ErrorCode::kInvalidSettings, "batch", [&] { read_train_config(path); });
}

}  // namespace
}  // namespace relievo

// The place of the denoiser, and the others in its batch, do not change what it makes.
#include <atomic>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "../nn/together.h"
#include "base/error.h"
#include "base/parallel.h"
#include "tiny_model.h"

namespace relievo {
namespace {

/// The published UNet's four levels in small.
UnetConfig four_levels() {
  return {.widths = {8, 16, 32, 32},
          .heads = {1, 2, 4, 4},
          .attends = {true, true, true, false},
          .layers = 2,
          .prompt_width = 24,
          .groups = 4};
}

/// The part of `whole` from block first to last.
std::shared_ptr<const Unet> part_of(const Unet& whole, const UnetConfig& config, int first, int last) {
  auto part = std::make_shared<Unet>(config, first, last);
  const auto weights = whole.named_parameters();
  for (auto& item : part->named_parameters()) item.value().set_data(weights[item.key()]);
  return part;
}

/// Uses this thread alone: the networks are too small for more.
void use_one_thread() {
  at::set_num_threads(1);
  set_parallel_threads(1);
}

struct Work {
  UnetConfig config = four_levels();
  std::shared_ptr<Unet> unet;
  std::vector<Conditions> conditions;
  std::vector<NoiseKey> keys;
  MultiviewSettings settings = tiny_settings();

  explicit Work(size_t pictures = 1) {
    use_one_thread();
    at::manual_seed(11);
    unet = std::make_shared<Unet>(config);
    fill_randomly(*unet);
    for (uint32_t i = 0; i < pictures; ++i) {
      conditions.push_back({at::randn({2, 4, 5, 5}), at::randn({2, 7, 24})});
      keys.push_back({.seed = 3, .picture = i});
    }
    settings.steps = 2;
  }

  std::vector<at::Tensor> run(const DenoiserPlaces& places) const {
    return denoise(conditions, keys, places, {}, settings, {});
  }
  std::vector<at::Tensor> run_whole() const { return run({.unets = {unet}}); }

  DenoiserPlaces cut(const std::vector<int>& blocks) const {
    DenoiserPlaces places;
    places.blocks = blocks;
    int first = 0;
    for (const int count : blocks) {
      places.unets.push_back(count > 0 ? part_of(*unet, config, first, first + count) : nullptr);
      first += count;
    }
    EXPECT_EQ(first, Unet::blocks(config));
    return places;
  }
};

TEST(UnetParts, TogetherHoldEachParameterOnce) {
  const UnetConfig config = four_levels();
  const int blocks = Unet::blocks(config);
  std::set<std::string> names;
  size_t count = 0;
  for (int block = 0; block < blocks; ++block) {
    const Unet part(config, block, block + 1);
    for (const auto& item : part.named_parameters()) names.insert(item.key());
    count += part.parameters().size();
  }
  EXPECT_EQ(names.size(), count);
  for (const auto& item : Unet(config).named_parameters()) EXPECT_TRUE(names.contains(item.key()));
}

TEST(UnetParts, ThePublishedSizeIsCutIntoEqualShares) {
  const UnetConfig config;
  const int blocks = Unet::blocks(config);
  EXPECT_EQ(blocks, 25);
  const auto numbers = [&](int first, int last) {
    int64_t count = 0;
    for (const at::Tensor& values : Unet(config, first, last).parameters()) count += values.numel();
    return static_cast<double>(count);
  };
  const double all = numbers(0, blocks);
  for (const int cut : {5, 8, 12, 13, 20}) {
    // A layer, of which the largest has 49 million parameters, goes as a whole.
    EXPECT_NEAR(numbers(0, cut), all * cut / blocks, 25e6) << cut;
  }
}

TEST(Denoise, CutIntoPartsItIsTheWholeToTheBit) {
  const Work work;
  const at::Tensor whole = work.run_whole()[0];
  const int blocks = Unet::blocks(work.config);
  for (const std::vector<int>& cut :
       {std::vector<int>{10, blocks - 10}, {1, blocks - 1}, {8, 9, blocks - 17}, {0, 12, 0, blocks - 12}}) {
    EXPECT_TRUE(whole.equal(work.run(work.cut(cut))[0])) << cut[0];
  }
}

TEST(Denoise, PartsRunOnTheirOwnWorkersInOrder) {
  const Work work;
  DenoiserPlaces places = work.cut({8, 9, Unet::blocks(work.config) - 17});
  std::vector<size_t> visited;
  places.on_worker = [&](size_t k, const std::function<void()>& body) {
    visited.push_back(k);
    std::thread([&] {
      use_one_thread();
      body();
    }).join();
  };
  EXPECT_TRUE(work.run_whole()[0].equal(work.run(places)[0]));
  const std::vector<size_t> expected{0, 1, 2, 0, 1, 2, 0, 1, 2};  // the prompt, two steps
  EXPECT_EQ(visited, expected);
}

TEST(Denoise, HalvesOfGuidanceTogetherOrSeparatelyAgree) {
  const Work work;
  const at::Tensor together = work.run_whole()[0];
  DenoiserPlaces places{.unets = {work.unet}};
  places.halves_together = false;
  const at::Tensor apart = work.run(places)[0];
  EXPECT_LT(largest_difference(together, apart), 1e-4 * together.abs().max().item<double>());
}

TEST(Denoise, HalvesOfGuidanceOnTwoWorkersAreThoseOnOne) {
  const Work work(2);
  DenoiserPlaces apart{.unets = {work.unet}};
  apart.halves_together = false;
  DenoiserPlaces two{.unets = {work.unet, part_of(*work.unet, work.config, 0, Unet::blocks(work.config))}};
  std::atomic<int> at_once = 0;
  two.on_every_worker = [&](const std::function<void(size_t)>& body) {
    std::thread other([&] {
      use_one_thread();
      body(1);
    });
    body(0);
    other.join();
    ++at_once;
  };
  const auto one = work.run(apart), both = work.run(two);
  EXPECT_EQ(at_once, work.settings.steps);
  for (size_t p = 0; p < 2; ++p) EXPECT_TRUE(one[p].equal(both[p])) << p;
}

/// Sizes that are odd on some levels; shared rows begin at multiples of 32.
struct LargeWork : Work {
  LargeWork() { settings.view_size = 176; }  // latents of 66 x 44

  DenoiserPlaces strips(const std::vector<int>& parts) const {
    DenoiserPlaces places;
    places.parts = parts;
    for (size_t k = 0; k < parts.size(); ++k) places.unets.push_back(unet);
    places.run_together = on_threads(parts.size());
    return places;
  }
};

TEST(Denoise, InStripsItIsTheWholeToTheBit) {
  const LargeWork work;
  const at::Tensor whole = work.run_whole()[0];
  for (const std::vector<int>& parts : {std::vector<int>{1, 1}, {1, 2}, {1, 1, 1}}) {
    EXPECT_TRUE(whole.equal(work.run(work.strips(parts))[0])) << parts.size();
  }
  DenoiserPlaces apart{.unets = {work.unet}};
  apart.halves_together = false;
  DenoiserPlaces in_strips = work.strips({1, 1});
  in_strips.halves_together = false;
  EXPECT_TRUE(work.run(apart)[0].equal(work.run(in_strips)[0])) << "one half after the other";
}

TEST(Denoise, AFailureInAStripEndsAll) {
  const LargeWork work;
  for (const size_t failing : {0, 1}) {
    DenoiserPlaces places = work.strips({1, 1});
    places.run_together = [&](const std::function<void(size_t)>& body, const std::function<void()>& fail) {
      on_threads(2)(
          [&](size_t k) {
            if (k == failing) throw Error(ErrorCode::kDeviceLost, "fell off the bus", "Check the cables.");
            body(k);
          },
          fail);
    };
    expect_error(ErrorCode::kDeviceLost, "fell off the bus", [&] { work.run(places); });
  }
}

TEST(Denoise, IsCancelledWithinAStepInStrips) {
  const LargeWork work;
  Execution execution;
  execution.control.progress = Progress([&](double fraction) {
    if (fraction >= 0.5) execution.control.cancel.cancel();
  });
  const DenoiserPlaces places = work.strips({1, 1});
  expect_error(ErrorCode::kCancelled, "Cancelled",
               [&] { denoise(work.conditions, work.keys, places, {}, work.settings, execution); });
}

TEST(Denoise, APictureIsTheSameAloneAndInABatch) {
  const Work work(3);
  const auto together = work.run_whole();
  ASSERT_EQ(together.size(), 3u);
  for (size_t p = 0; p < 3; ++p) {
    const at::Tensor alone =
        denoise(std::span(work.conditions).subspan(p, 1), std::span(work.keys).subspan(p, 1),
                {.unets = {work.unet}}, {}, work.settings, {})[0];
    EXPECT_EQ(alone.sizes(), at::IntArrayRef({1, 4, 9, 6}));
    EXPECT_LT(largest_difference(together[p], alone), 1e-4 * alone.abs().max().item<double>()) << p;
  }
  EXPECT_GT(largest_difference(together[0], together[1]), 0.1);
}

/// The batch sizes of all layer norms of tokens while it lives.
class BatchSizes {
 public:
  BatchSizes()
      : handle_(at::addGlobalCallback(at::RecordFunctionCallback([](const at::RecordFunction& call)
                                                                     -> std::unique_ptr<at::ObserverContext> {
                                        if (std::string_view(call.name()) == "aten::layer_norm") note(call);
                                        return nullptr;
                                      })
                                          .needsInputs(true)
                                          .scopes({at::RecordScope::FUNCTION}))) {
    seen_.clear();
  }
  ~BatchSizes() { at::removeCallback(handle_); }
  BatchSizes(const BatchSizes&) = delete;
  BatchSizes& operator=(const BatchSizes&) = delete;

  /// The batch sizes since the last call.
  static std::set<int64_t> take() { return std::exchange(seen_, {}); }

 private:
  /// Notes tokens `[B, T, C]`, and not the rows of all that an MLP takes.
  static void note(const at::RecordFunction& call) {
    const at::Tensor tokens = call.inputs()[0].toTensor();
    if (tokens.dim() == 3) seen_.insert(tokens.size(0));
  }

  static inline std::set<int64_t> seen_;
  at::CallbackHandle handle_;
};

TEST(Denoise, ACancelledPictureLeavesTheBatchAndTheOthersKeepTheirBits) {
  Work work(3);
  work.settings.steps = 4;
  const auto undisturbed = work.run_whole();
  const int blocks = Unet::blocks(work.config);
  DenoiserPlaces apart{.unets = {work.unet}};
  apart.halves_together = false;
  for (const DenoiserPlaces& places :
       {DenoiserPlaces{.unets = {work.unet}}, work.cut({10, blocks - 10}), apart}) {
    const std::vector<CancelToken> own{CancelToken(), CancelToken(), CancelToken()};
    std::vector<std::set<int64_t>> sizes;
    Execution execution;
    const BatchSizes batch_sizes;
    execution.control.progress = Progress([&](double fraction) {
      sizes.push_back(BatchSizes::take());
      if (fraction == 0.5) own[1].cancel();
    });
    const auto made = denoise(work.conditions, work.keys, places, {}, work.settings, execution, own);
    ASSERT_EQ(sizes.size(), 5u) << "a step was made again";
    const int64_t rows = places.halves_together ? 2 : 1;
    for (const size_t step : {1, 2}) EXPECT_EQ(sizes[step], (std::set<int64_t>{3 * rows})) << step;
    for (const size_t step : {3, 4}) EXPECT_EQ(sizes[step], (std::set<int64_t>{2 * rows})) << step;
    EXPECT_FALSE(made[1].defined());
    if (!places.halves_together) continue;
    for (const size_t p : {0, 2}) EXPECT_TRUE(made[p].equal(undisturbed[p])) << p;
  }
}

TEST(Denoise, StopsWithinAStepWhenNobodyWaitsAnyMore) {
  const Work work(2);
  const std::vector<CancelToken> own{CancelToken(), CancelToken()};
  DenoiserPlaces places = work.cut({10, Unet::blocks(work.config) - 10});
  int calls = 0;
  places.on_worker = [&](size_t, const std::function<void()>& body) {
    ++calls;
    if (calls == 4) own[0].cancel();
    // The eighth call comes before the second part of the second step.
    if (calls == 8) own[1].cancel();
    body();
  };
  expect_error(ErrorCode::kCancelled, "Cancelled",
               [&] { denoise(work.conditions, work.keys, places, {}, work.settings, {}, own); });
  EXPECT_EQ(calls, 8) << "two of the prompts, two a step, and two that take rows out";
}

TEST(Denoise, StopsWithinAStep) {
  const Work work;
  DenoiserPlaces places = work.cut({10, Unet::blocks(work.config) - 10});
  Execution execution;
  int calls = 0;
  places.on_worker = [&](size_t, const std::function<void()>& body) {
    if (++calls == 4) execution.control.cancel.cancel();  // before the second part of the first step
    body();
  };
  try {
    denoise(work.conditions, work.keys, places, {}, work.settings, execution);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(calls, 4);
}

}  // namespace
}  // namespace relievo

// How many operator calls and launches of our own kernels reach a device in a step. Their number does not
// depend on the network's width or on the pictures' sizes, so a small network with the published blocks shows
// it.
#include <gmock/gmock.h>

#include "../../multiview/tiny_model.h"
#include "../fake_cuda.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

/// The published UNet's blocks.
UnetConfig published_blocks() {
  return {.widths = {16, 32, 64, 64},
          .heads = {1, 2, 4, 4},
          .attends = {true, true, true, false},
          .layers = 2,
          .prompt_width = 24,
          .groups = 4};
}

/// Loads the network as the engine does, from a file.
std::shared_ptr<const Unet> loaded(const UnetConfig& config, const Execution& execution) {
  Unet source(config);
  fill_randomly(source);
  TensorFile file;
  for (const auto& item : source.named_parameters()) {
    const at::Tensor& values = item.value();
    file.tensors[item.key()] = {
        DType::kFloat32,
        values.sizes().vec(),
        {static_cast<const std::byte*>(values.const_data_ptr()), static_cast<size_t>(values.nbytes())}};
  }
  auto unet = std::make_shared<Unet>(config);
  load_strict(*unet, file, "", execution);
  return unet;
}

/// What each step of a run of denoise() gives to the device.
std::map<std::string, int64_t> calls_of_a_step(const UnetConfig& config, at::ScalarType type) {
  fake_cuda::set_devices({{}});
  at::manual_seed(5);
  Execution execution;
  execution.device = at::Device(at::kCUDA, 0);
  execution.dtype = type;
  const DenoiserPlaces places{.unets = {loaded(config, execution)}};
  const std::vector<Conditions> conditions{{at::randn({2, 4, 8, 8}), at::randn({2, 7, 24})}};
  MultiviewSettings settings = tiny_settings();
  settings.view_size = 64;
  const auto calls_of = [&](int steps) {
    settings.steps = steps;
    const auto before = fake_cuda::operations_by_name(0);
    denoise(conditions, std::vector<NoiseKey>{{.seed = 3}}, places, {}, settings, execution);
    auto made = fake_cuda::operations_by_name(0);
    for (const auto& [name, count] : before) made[name] -= count;
    return made;
  };
  const auto few = calls_of(2);
  auto calls = calls_of(3);
  for (const auto& [name, count] : few) calls[name] -= count;
  return calls;
}

int64_t sum(const std::map<std::string, int64_t>& calls) {
  int64_t all = 0;
  for (const auto& [name, count] : calls) all += count;
  return all;
}

std::string listed(const std::map<std::string, int64_t>& calls) {
  std::string text;
  for (const auto& [name, count] : calls) {
    if (count != 0) text += name + " " + std::to_string(count) + "\n";
  }
  return text;
}

/// How many layers of each kind the network has, and how many of its residual blocks have a shortcut.
struct Structure {
  explicit Structure(const UnetConfig& config) {
    levels = static_cast<int64_t>(config.widths.size());
    joins = levels * (config.layers + 1);
    resnets = levels * config.layers + 2 + joins;
    shortcuts = joins;
    for (size_t level = 0; level < config.widths.size(); ++level) {
      if (level > 0 && config.widths[level] != config.widths[level - 1]) ++shortcuts;
      if (config.attends[level]) transformers += 2 * config.layers + 1;
    }
    ++transformers;  // that of the middle
  }

  int64_t levels = 0, resnets = 0, joins = 0, shortcuts = 0, transformers = 0;
};

/// What a step needs: convolutions are calls of their own for the picture and for its reference, everything
/// else serves both.
int64_t calls_needed(const UnetConfig& config) {
  const Structure all(config);
  // A norm, two convolutions, a norm that has to find its moments first, two convolutions, a sum.
  const int64_t of_resnet = 1 + 2 + 2 + 2 + 1;
  // The first norm of a level has its moments to find, because a convolution comes before it; where skips
  // are joined, that finds them, and the shortcut is one product for both.
  const int64_t of_resnets =
      all.resnets * of_resnet + all.levels + 2 * all.joins + 2 * (all.shortcuts - all.joins);
  // Norm and projection; norm, one product, two attentions joined, the last product; norm, product,
  // attention, product; norm, product, gate, product; projection and sum.
  const int64_t of_transformer = 2 + 6 + 4 + 4 + 2;
  // The first convolutions; down; up, with the growing; the last norm and convolution.
  const int64_t of_others = 2 + 2 * (all.levels - 1) + 4 * (all.levels - 1) + 2;
  // Noise for the reference and for the sampler, two inputs, the prediction's precision, the sampler.
  const int64_t of_loop = 2 + 2 + 1 + 1;
  return of_resnets + all.transformers * of_transformer + of_others + of_loop;
}

TEST(Launches, AStepNeedsNoMoreThanItsStructureAsks) {
  for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
    const auto calls = calls_of_a_step(published_blocks(), type);
    EXPECT_LE(sum(calls), calls_needed(published_blocks())) << listed(calls);
    EXPECT_GT(sum(calls), calls_needed(published_blocks()) / 2) << "the count misses something";
  }
}

// A network without attention and with other depth has another number.
TEST(Launches, AnotherStructureNeedsOthers) {
  UnetConfig config = published_blocks();
  config.layers = 1;
  config.attends = {false, true, false, false};
  const auto calls = calls_of_a_step(config, at::kHalf);
  EXPECT_LE(sum(calls), calls_needed(config)) << listed(calls);
}

TEST(Launches, NoLayoutIsChangedInAStep) {
  auto calls = calls_of_a_step(published_blocks(), at::kFloat);
  // The last transformer takes the picture's rows out of the batch's tokens.
  EXPECT_LE(calls["aten::copy_"], 1) << listed(calls);
}

}  // namespace
}  // namespace relievo

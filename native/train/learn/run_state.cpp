#include "train/learn/run_state.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "nn/tensors.h"
#include "train/learn/learner.h"
#include "train/learn/tensors_to_write.h"

namespace relievo {

namespace fs = std::filesystem;

namespace {

/// The first setting that differs, for people.
std::string first_difference(const nlohmann::json& now, const nlohmann::json& then) {
  for (const auto& [name, value] : now.items()) {
    if (!then.contains(name) || then[name] != value) return name;
  }
  return "settings";
}

}  // namespace

std::filesystem::path checkpoint_of(const std::filesystem::path& run) {
  return run / "checkpoint.safetensors";
}

std::filesystem::path origins_of(const std::filesystem::path& run) { return run / "objects.jsonl"; }

void RunState::save(const std::filesystem::path& run, const TrainConfig& config,
                    const FlatParameters& flat) const {
  TensorsToWrite file;
  file.add("values", flat.values);
  file.add("first_moment", flat.first_moment);
  file.add("second_moment", flat.second_moment);
  file.add("averaged", flat.averaged);
  file.add("window", window);
  file.add("loss_scale", at::tensor({loss_scale.scale, static_cast<double>(loss_scale.good_steps),
                                     static_cast<double>(loss_scale.skipped_steps)},
                                    at::kDouble));
  file.add("step", at::full({1}, step, at::kLong));
  file.add("random", at::detail::getDefaultCPUGenerator().get_state());
  file.add_text("settings", lasting_settings(config).dump());
  if (!config.finetune.empty()) file.add_text("weights", fs::absolute(weights_of(config)).string());
  file.write(checkpoint_of(run));
}

void RunState::load(const std::filesystem::path& run, const TrainConfig& config, FlatParameters& flat) {
  const at::NoGradGuard no_gradients;
  const TensorFile file = read_safetensors(checkpoint_of(run));
  const nlohmann::json then = parse_json(text_of(file, "settings")), now = lasting_settings(config);
  if (then != now) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The run in '{}' was begun with another '{}'.", run.string(),
                            first_difference(now, then)),
                "Use the settings that it was begun with, or another folder.");
  }
  const auto fill = [&](const char* name, const at::Tensor& tensor) {
    const at::Tensor read = tensor_view(file, name);
    if (read.sizes() != tensor.sizes() || read.scalar_type() != tensor.scalar_type()) {
      throw Error(ErrorCode::kModelMismatch, fmt::format("The checkpoint's '{}' has another size.", name),
                  "Begin again in another folder.");
    }
    tensor.copy_(read);
  };
  fill("values", flat.values);
  fill("first_moment", flat.first_moment);
  fill("second_moment", flat.second_moment);
  fill("averaged", flat.averaged);
  fill("window", window);
  const at::Tensor scale = at::zeros({3}, at::kDouble);
  fill("loss_scale", scale);
  loss_scale = {scale[0].item<double>(), static_cast<int64_t>(scale[1].item<double>()),
                static_cast<int64_t>(scale[2].item<double>())};
  const at::Tensor number = at::zeros({1}, at::kLong);
  fill("step", number);
  step = number.item<int64_t>();
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(tensor_view(file, "random").clone());
}

}  // namespace relievo

#include "verify/guidance_step.h"

#include <utility>

#include <ATen/ATen.h>

#include "verify/random_weights.h"

namespace relievo {

GuidanceStepSize GuidanceStepSize::tiny() {
  UnetConfig unet;
  unet.widths = {64, 128, 128, 128};
  unet.heads = {1, 2, 2, 2};
  unet.prompt_width = 64;
  return {.unet = unet, .height = 24, .width = 16, .reference = 8};
}

GuidanceStep::GuidanceStep(GuidanceStepSize size, const at::TensorOptions& options)
    : size_(std::move(size)), unet_(std::make_shared<Unet>(size_.unet)) {
  const at::Tensor block = number_block();
  weight_bytes_ = fill_with_numbers(*unet_, block, options);
  const auto input = [&](const std::string& name, at::IntArrayRef shape) {
    return (numbers_of(name, shape, block) * 3.4).to(options);
  };
  latents_ = input("latents", {1, 4, size_.height, size_.width});
  reference_ = input("reference", {2, 4, size_.reference, size_.reference});
  constexpr int64_t kWords = 77;
  prompt_ = unet_->prompt(input("prompt", {2, kWords, size_.unet.prompt_width}));
  shifts_ = unet_->time_shifts(unet_->time_embeddings({static_cast<float>(size_.timestep)}));
}

namespace {

at::Tensor guided(const at::Tensor& prediction) {
  constexpr double kGuidance = 4;
  const auto halves = prediction.chunk(2);
  return halves[0] + (halves[1] - halves[0]) * kGuidance;
}

}  // namespace

at::Tensor GuidanceStep::run() const {
  return guided(unet_->forward(latents_.expand({2, -1, -1, -1}), reference_, size_.timestep, prompt_));
}

at::Tensor GuidanceStep::run(UnetGraph& graph) const {
  UnetWalk walk;
  walk.x = latents_.expand({2, -1, -1, -1}).contiguous();
  walk.reference = reference_;
  return guided(graph.predict(std::move(walk), prompt_, shifts_, 0, {}));
}

}  // namespace relievo

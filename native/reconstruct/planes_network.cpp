#include "reconstruct/planes_network.h"

#include <utility>

#include <ATen/ATen.h>

#include "nn/bring.h"

namespace relievo {

void PlanesWalk::bring_to(const at::TensorOptions& options) {
  for (at::Tensor* values : {&encoder.pixels, &encoder.cameras, &encoder.tokens, &tokens, &residual}) {
    *values = bring(*values, options);
  }
}

std::vector<at::Tensor> reconstruct_batch(std::span<const Views> pictures, const PlanesPlaces& places,
                                          const Execution& execution, std::span<const CancelToken> cancels) {
  const Control& control = execution.control;
  control.step(0);
  std::vector<CancelToken> tokens(cancels.begin(), cancels.end());
  tokens.resize(pictures.size());
  const BatchControl batch(control.cancel, std::move(tokens));
  PlanesWalk walk;
  walk.views = pictures.front().pixels.size(0);
  std::vector<at::Tensor> pixels, cameras;
  for (const Views& views : pictures) {
    pixels.push_back(views.pixels);
    if (views.cameras.defined()) cameras.push_back(views.cameras);
  }
  walk.encoder.pixels = at::cat(pixels);
  if (!cameras.empty()) walk.encoder.cameras = at::cat(cameras);
  for (size_t k = 0; k < places.parts.size(); ++k) {
    if (!places.parts[k]) continue;
    const auto body = [&, k] {
      const at::NoGradGuard no_grad;
      places.parts[k]->advance(walk, batch);
      if (k + 1 == places.parts.size()) walk.tokens = walk.tokens.to(at::kCPU, at::kFloat);
    };
    if (places.on_worker) {
      places.on_worker(k, body);
    } else {
      body();
    }
    control.step(static_cast<double>(k + 1) / static_cast<double>(places.parts.size()));
  }
  const at::Tensor planes = walk.tokens.to(at::kCPU, at::kFloat);
  const std::vector<size_t> left = batch.left();
  std::vector<at::Tensor> made(pictures.size());
  // Each picture's planes are its own, so that they go with it.
  for (size_t row = 0; row < left.size(); ++row) {
    const at::Tensor own = planes.select(0, static_cast<int64_t>(row));
    made[left[row]] = left.size() == 1 ? own : own.clone();
  }
  return made;
}

at::Tensor reconstruct_planes(const Views& views, const PlanesPlaces& places, const Execution& execution) {
  return reconstruct_batch({&views, 1}, places, execution).front();
}

}  // namespace relievo

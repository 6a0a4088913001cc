#include "reconstruct/planes_network.h"

#include <ATen/ATen.h>

#include "nn/bring.h"

namespace relievo {

void PlanesWalk::bring_to(const at::TensorOptions& options) {
  for (at::Tensor* values : {&encoder.pixels, &encoder.cameras, &encoder.tokens, &tokens, &residual}) {
    *values = bring(*values, options);
  }
}

at::Tensor reconstruct_planes(const Views& views, const PlanesPlaces& places, const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  PlanesWalk walk;
  walk.encoder.pixels = views.pixels;
  walk.encoder.cameras = views.cameras;
  for (size_t k = 0; k < places.parts.size(); ++k) {
    if (!places.parts[k]) continue;
    const auto body = [&, k] {
      const at::NoGradGuard no_grad;
      places.parts[k]->advance(walk, control.cancel);
      if (k + 1 == places.parts.size()) walk.tokens = walk.tokens.to(at::kCPU, at::kFloat);
    };
    if (places.on_worker) {
      places.on_worker(k, body);
    } else {
      body();
    }
    control.step(static_cast<double>(k + 1) / static_cast<double>(places.parts.size()));
  }
  return walk.tokens.to(at::kCPU, at::kFloat)[0];
}

}  // namespace relievo

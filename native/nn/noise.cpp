#include "nn/noise.h"

#include <ATen/ATen.h>

#include "kernels/noise.h"
#include "nn/launch.h"

namespace relievo {

at::Tensor draw_noise(const NoiseKey& key, uint32_t kind, uint32_t step, at::IntArrayRef shape,
                      at::Device device) {
  at::Tensor values = at::empty(shape, at::TensorOptions(device).dtype(at::kFloat));
  launch_on(device, RELIEVO_LAUNCHERS(draw_noise),
            kernels::NoiseStream{.seed = key.seed,
                                 .picture = key.picture,
                                 .kind = kind,
                                 .step = step,
                                 .values = values.data_ptr<float>(),
                                 .count = values.numel()});
  return values;
}

}  // namespace relievo

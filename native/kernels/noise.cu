#include "kernels/launch.cuh"
#include "kernels/noise.h"

namespace relievo::kernels {

void draw_noise_cuda(const NoiseStream& stream, void* cuda_stream) {
  launch((stream.count + 1) / 2, cuda_stream, [stream] __device__(int64_t i) { draw_noise_at(stream, i); });
}

}  // namespace relievo::kernels

#include "kernels/launch.cuh"
#include "kernels/triplane.h"

namespace relievo::kernels {

void sample_triplane_cuda(const TriplaneSampling& sampling, void* stream) {
  launch(sampling.count * 3, stream, [sampling] __device__(int64_t i) { sample_triplane_at(sampling, i); });
}

}  // namespace relievo::kernels

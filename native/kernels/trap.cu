#include "kernels/launch.cuh"
#include "kernels/trap.h"

namespace relievo::kernels {

void trap_cuda(void* stream) {
  launch(1, stream, [] __device__(int64_t) { __trap(); });
}

}  // namespace relievo::kernels

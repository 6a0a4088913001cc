#include "kernels/gated_gelu.h"
#include "kernels/launch.cuh"

namespace relievo::kernels {
namespace {

template <typename T>
void gate(const GatedGelu& s, void* stream) {
  launch(s.rows * s.width, stream, [s] __device__(int64_t i) { gate_at<T>(s, i); });
}

}  // namespace

void gate_cuda(const GatedGelu& s, void* stream) {
  for_number_type(s.type, [&](auto t) { gate<decltype(t)>(s, stream); });
}

}  // namespace relievo::kernels

#include "kernels/launch.cuh"
#include "kernels/sampler_step.h"

namespace relievo::kernels {
namespace {

template <typename T>
void write_input(const NetworkInput& input, void* stream) {
  launch(input.halves * input.count, stream,
         [input] __device__(int64_t i) { write_network_input_at<T>(input, i); });
}

}  // namespace

void write_network_input_cuda(const NetworkInput& input, void* stream) {
  for_number_type(input.type, [&](auto number) { write_input<decltype(number)>(input, stream); });
}

void take_sampler_step_cuda(const SamplerStep<float>& step, void* stream) {
  launch(step.count, stream, [step] __device__(int64_t i) { take_sampler_step_at(step, i); });
}

}  // namespace relievo::kernels

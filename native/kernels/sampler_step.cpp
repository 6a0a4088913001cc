#include "kernels/sampler_step.h"

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kChunk = 4096;  // values that one thread takes at a time

template <typename T>
void take_steps(const SamplerStep<T>& step) {
  parallel_for(step.count, kChunk, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) take_sampler_step_at(step, i);
  });
}

}  // namespace

void write_network_input_cpu(const NetworkInput& input) {
  for_number_type(input.type, [&](auto number) {
    parallel_for(input.halves * input.count, kChunk, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) write_network_input_at<decltype(number)>(input, i);
    });
  });
}

void take_sampler_step_cpu(const SamplerStep<float>& step) { take_steps(step); }
void take_sampler_step_double_cpu(const SamplerStep<double>& step) { take_steps(step); }

}  // namespace relievo::kernels

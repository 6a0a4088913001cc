// The arithmetic of diffusion's samplers, one value at a time: a sampler's formulas and coefficients are in
// multiview/sampler.h, this is what they do to every number of the latents. The operations and their order
// are fixed, so that all devices give the same bits.
#pragma once

#include <cstdint>

#include "kernels/body.h"
#include "kernels/half.h"

namespace relievo::kernels {

/// A picture's channels in memory, whichever lies last.
struct PlaneStrides {
  int64_t pixels = 1;  ///< of a channel
  int64_t of_channel = 0;
  int64_t of_pixel = 1;

  /// Where value i of `[channels, pixels]` lies.
  RELIEVO_BODY int64_t at(int64_t i) const { return i / pixels * of_channel + i % pixels * of_pixel; }
};

/// Writes the network's input `(clean + noise * sigma) / scale`, once for each of `halves`, in the network's
/// type.
struct NetworkInput {
  NumberType type = NumberType::kFloat;
  const float* clean = nullptr;  ///< [halves, count], or [count] for all halves where `stride` is 0
  const float* noise = nullptr;  ///< the same, or null: there is none
  float sigma = 0;
  float scale = 1;
  int64_t halves = 1;
  int64_t count = 0;
  int64_t stride = 0;   ///< from one half of `clean` to the next
  void* out = nullptr;  ///< a picture of `planes` for each half, written
  int64_t out_stride = 0;
  PlaneStrides planes;
};

template <typename T>
RELIEVO_BODY void write_network_input_at(const NetworkInput& s, int64_t index) {
  const int64_t half = index / s.count, i = index % s.count;
  float value = s.clean[half * s.stride + i];
  if (s.noise) value = value + s.noise[half * s.stride + i] * s.sigma;
  static_cast<T*>(s.out)[half * s.out_stride + s.planes.at(i)] = rounded<T>(value / s.scale);
}

enum class SamplerRule : int32_t { kCleanAlone, kAncestral, kMultistep, kCorrected };

/// One step of a sampler over `count` values of `[channels, pixels]`. Where a pointer is null, its term does
/// not exist.
template <typename T>
struct SamplerStep {
  const T* x = nullptr;  ///< the sample
  // The network's prediction, and the unconditional one of guidance; both as `planes` say.
  const T* conditional = nullptr;
  const T* unconditional = nullptr;
  PlaneStrides planes;
  T guidance = 1;
  // The clean sample: `x - output * clean_factor`, or with velocities `x / clean_divisor - output * factor`.
  bool predicts_noise = false;
  T clean_divisor = 1, clean_factor = 0;
  SamplerRule rule = SamplerRule::kCleanAlone;
  bool is_last = false;  ///< the next sample is the clean one
  // kAncestral: x + (x - clean) * slope + noise * up
  const T* noise = nullptr;
  T slope = 0, up = 0;
  // kMultistep: x * keep + (clean + (clean - before) * slope) * take
  // kCorrected: the same for its own slope, from the corrected x: (x * keep + clean * take) +
  // (before - clean) * slope
  const T* before = nullptr;  ///< the last step's clean sample
  T keep = 0, take = 0;
  // kCorrected: x = (start * old_keep + before * old_take) + what the clean samples add
  const T* start = nullptr;    ///< the sample at which the last step began; null: x is not corrected
  const T* earlier = nullptr;  ///< the clean sample before the last; null: only `now` counts
  T old_keep = 0, old_take = 0, now = 0, then = 0;
  // Results; null where not wanted.
  T* clean = nullptr;
  T* corrected = nullptr;
  T* next = nullptr;
  int64_t count = 0;
};

template <typename T>
RELIEVO_BODY void take_sampler_step_at(const SamplerStep<T>& s, int64_t i) {
  const int64_t place = s.planes.at(i);
  T output = s.conditional[place];
  if (s.unconditional) {
    const T base = s.unconditional[place];
    output = base + (output - base) * s.guidance;
  }
  T x = s.x[i];
  const T scaled = output * s.clean_factor;
  const T clean = (s.predicts_noise ? x : x / s.clean_divisor) - scaled;
  if (s.clean) s.clean[i] = clean;
  if (!s.next) return;
  T next = clean;
  if (s.rule == SamplerRule::kAncestral) {
    next = x + (x - clean) * s.slope;
    next = next + s.noise[i] * s.up;
  } else if (s.rule == SamplerRule::kMultistep && !s.is_last) {
    const T slope = s.before ? clean + (clean - s.before[i]) * s.slope : clean;
    next = x * s.keep + slope * s.take;
  } else if (s.rule == SamplerRule::kCorrected) {
    if (s.start) {
      const T before = s.before[i];
      x = s.start[i] * s.old_keep + before * s.old_take;
      if (s.earlier) {
        x = x + ((s.earlier[i] - before) * s.then + (clean - before) * s.now) * s.old_take;
      } else {
        x = x + (clean - before) * s.now;
      }
    }
    if (s.corrected) s.corrected[i] = x;
    if (!s.is_last) {
      next = x * s.keep + clean * s.take;
      if (s.before) next = next + (s.before[i] - clean) * s.slope;
    }
  }
  s.next[i] = next;
}

void write_network_input_cpu(const NetworkInput& input);
void take_sampler_step_cpu(const SamplerStep<float>& step);
void take_sampler_step_double_cpu(const SamplerStep<double>& step);  ///< for tests of convergence

// As in kernels/noise.h.
void write_network_input_cuda(const NetworkInput& input, void* cuda_stream);
void take_sampler_step_cuda(const SamplerStep<float>& step, void* cuda_stream);

}  // namespace relievo::kernels

// One step of the multi-view diffusion with random weights: the reference pass and the main pass, both halves
// of guidance. What `relievo gpu-check` and `relievo-bench step` time.
#pragma once

#include <memory>

#include "multiview/unet.h"
#include "multiview/unet_graph.h"

namespace relievo {

struct GuidanceStepSize {
  UnetConfig unet = {};
  int64_t height = 120, width = 80;  ///< of the latents
  int64_t reference = 40;            ///< a side of the reference's latents
  double timestep = 500;

  static GuidanceStepSize tiny();
};

class GuidanceStep {
 public:
  /// Makes the network on the device and in the precision of `options`; its numbers are those of
  /// verify/random_weights.h.
  GuidanceStep(GuidanceStepSize size, const at::TensorOptions& options);

  /// The guided prediction `[1, 4, height, width]`. Returns when the device has been told.
  at::Tensor run() const;
  /// The same on a GPU by a graph of this network, as denoise() uses one.
  at::Tensor run(UnetGraph& graph) const;

  std::shared_ptr<const Unet> unet() const { return unet_; }

  const GuidanceStepSize& size() const { return size_; }
  int64_t weight_bytes() const { return weight_bytes_; }

 private:
  GuidanceStepSize size_;
  std::shared_ptr<Unet> unet_;
  int64_t weight_bytes_ = 0;
  at::Tensor latents_, reference_;
  KeyValues prompt_;
  TimeShifts shifts_;
};

}  // namespace relievo

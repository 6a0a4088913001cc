// U2-Net, salient object detection (Qin et al. 2020, arXiv 2005.09007), with batch normalisation folded into
// the convolutions.
#pragma once

#include <array>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "base/image.h"
#include "nn/execution.h"
#include "nn/observer.h"
#include "weights/tensor_file.h"

namespace relievo {

enum class U2NetSize { kFull, kSmall };  ///< u2net (44 M parameters) and u2netp (1.1 M)

class U2Net : public torch::nn::Module {
 public:
  explicit U2Net(U2NetSize size);

  /// Maps a normalised picture `[B, 3, H, W]` to the seven maps d0..d6, each `[B, 1, H, W]` in 0..1; d0 is
  /// the result. The observer sees `stage1`..`stage6` and `stage5d`..`stage1d`.
  std::array<at::Tensor, 7> forward(const at::Tensor& pixels, const Observer& observer = {});

  struct Stages;

 private:
  std::shared_ptr<Stages> stages_;
};

}  // namespace relievo

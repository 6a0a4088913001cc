// The network's part of a denoising step as a CUDA graph: given to a GPU by one call instead of some
// hundreds.
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "multiview/unet.h"
#include "nn/gpu_graph.h"

namespace relievo {

/// A network's steps with inputs of one shape. All calls come from one thread.
class UnetGraph {
 public:
  /// A whole network on one GPU, whose weights stay there.
  UnetGraph(std::shared_ptr<const Unet> unet, std::shared_ptr<GpuGraphs> graphs);

  /// Returns the walk's prediction, as Unet::advance() makes it; the next call overwrites it. The first call
  /// goes to the GPU as always, so that what libraries make once is there, the second one is recorded, and
  /// from then on the record is launched. The walks' shapes must be the same in all calls, and the prompt and
  /// the shifts the same tensors. Where anything of a graph fails, no others of `graphs` are made, and the
  /// result is that of the calls themselves. Throws Error{kCancelled}, but not while a graph is launched.
  at::Tensor predict(UnetWalk walk, const KeyValues& prompt, const TimeShifts& shifts, int64_t step,
                     const UnetPass& pass);

  /// Whether steps are launched as a graph by now.
  bool is_recorded() const { return graph_ != nullptr; }

 private:
  void record(const UnetWalk& walk, const KeyValues& prompt, const TimeShifts& shifts, const UnetPass& pass);
  at::Tensor launch(const UnetWalk& walk, int64_t step) const;

  std::shared_ptr<const Unet> unet_;
  std::shared_ptr<GpuGraphs> graphs_;
  bool was_called_ = false;
  // What the graph reads: the inputs, the shifts of all steps and those of one.
  UnetWalk inputs_;
  at::Tensor all_shifts_, shifts_;
  at::Tensor prediction_;
  std::unique_ptr<GpuGraph> graph_;
};

}  // namespace relievo

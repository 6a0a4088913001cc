#include "multiview/unet_graph.h"

#include <utility>

#include <ATen/ATen.h>

#include "base/error.h"
#include "nn/errors.h"
#include "nn/tensors.h"

namespace relievo {

UnetGraph::UnetGraph(std::shared_ptr<const Unet> unet, std::shared_ptr<GpuGraphs> graphs)
    : unet_(std::move(unet)), graphs_(std::move(graphs)) {}

at::Tensor UnetGraph::predict(UnetWalk walk, const KeyValues& prompt, const TimeShifts& shifts, int64_t step,
                              const UnetPass& pass) {
  const bool is_first = !std::exchange(was_called_, true);
  if (!is_first && graphs_->are_wanted()) {
    try {
      if (!graph_) record(walk, prompt, shifts, pass);
      return launch(walk, step);
    } catch (...) {
      prediction_.reset();
      graph_.reset();
      // Whatever it is comes again with the calls themselves if it is not the graph's.
      const Error error = current_torch_error();
      if (error.code() == ErrorCode::kCancelled) throw;
      graphs_->give_up(error.message());
    }
  }
  unet_->advance(walk, prompt, shifts, step, pass);
  return walk.x;
}

void UnetGraph::record(const UnetWalk& walk, const KeyValues& prompt, const TimeShifts& shifts,
                       const UnetPass& pass) {
  inputs_.x = at::empty_like(walk.x);
  if (walk.reference.defined()) inputs_.reference = at::empty_like(walk.reference);
  all_shifts_ = at::cat(shifts, 1);
  shifts_ = at::empty_like(all_shifts_.narrow(0, 0, 1));
  TimeShifts of_step;
  int64_t before = 0;
  for (const at::Tensor& of_block : shifts) {
    of_step.push_back(shifts_.narrow(1, before, of_block.size(1)));
    before += of_block.size(1);
  }
  graph_ = GpuGraph::record(inputs_.x.device(), [&] {
    UnetWalk recorded = inputs_;
    unet_->advance(recorded, prompt, of_step, 0, pass);
    prediction_ = recorded.x;
  });
}

at::Tensor UnetGraph::launch(const UnetWalk& walk, int64_t step) const {
  inputs_.x.copy_(walk.x);
  if (inputs_.reference.defined()) inputs_.reference.copy_(walk.reference);
  shifts_.copy_(all_shifts_.narrow(0, step, 1));
  graph_->launch();
  return prediction_;
}

}  // namespace relievo

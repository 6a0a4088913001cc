// Data-parallel gradients (Li et al. 2020, "PyTorch Distributed", arXiv 2006.15704): each process computes on
// its part of the batch; gradients are averaged in buckets, while the backward pass still runs.
#pragma once

#include <memory>
#include <vector>

#include "train/process_group.h"

namespace relievo {

class DataParallel {
 public:
  /// Gives every process the parameters of process 0. `parameters` are leaves that require gradients, in the
  /// same order everywhere; a bucket holds those of one dtype and device only, and at least one.
  DataParallel(std::shared_ptr<ProcessGroup> group, std::vector<at::Tensor> parameters,
               int64_t bucket_bytes = int64_t{25} << 20);
  ~DataParallel();
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  /// Is called after backward(). Waits until every parameter's gradient is the mean over the processes. A
  /// parameter without a gradient counts as zero. With a loss that is a mean over the batch, and parts of
  /// equal size, these are the gradients of the whole batch. Throws Error{kDeviceLost} when a process is
  /// lost, within the group's time-out.
  void finish_backward();

  /// The number of buckets whose exchange began before finish_backward() was called, in the last backward
  /// pass.
  int overlapped_buckets() const;
  int buckets() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace relievo

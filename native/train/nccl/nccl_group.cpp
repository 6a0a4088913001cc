#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "train/nccl/open_nccl.h"

extern "C" __attribute__((visibility("default"))) c10::intrusive_ptr<c10d::Backend> relievo_open_nccl(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
}

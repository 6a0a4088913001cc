// Lets several processes compute together: all-reduce and broadcast through torch's c10d, with Gloo between
// CPUs and NCCL between GPUs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

enum class GroupBackend { kGloo, kNccl };

struct GroupOptions {
  GroupBackend backend = GroupBackend::kGloo;
  int rank = 0;
  int size = 1;
  /// The address at which the processes find each other: `file:///path` (one machine; a fresh path for every
  /// group) or `tcp://host:port` (rank 0 listens there).
  std::string rendezvous;
  /// No call waits longer than this: a process that died gives an error within this time, most often at once.
  std::chrono::milliseconds timeout{60'000};
};

/// All processes call the same functions in the same order. Errors are Error{kDeviceLost}: a process of the
/// group died, did not answer in time, or could not be found; the group cannot be used afterwards.
class ProcessGroup {
 public:
  /// Waits until all processes are there. Throws Error{kInvalidSettings} for a rendezvous it cannot read,
  /// Error{kModelMissing} for NCCL where it is not installed.
  static std::shared_ptr<ProcessGroup> open(const GroupOptions& options);
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Starts to replace `tensor` by the sum over the processes; the returned function waits until that is
  /// done.
  virtual std::function<void()> start_sum(at::Tensor tensor) = 0;
  /// Replaces `tensors` by those of `root`.
  virtual void broadcast(const std::vector<at::Tensor>& tensors, int root = 0) = 0;
  virtual void barrier() = 0;

  void sum(const at::Tensor& tensor) { start_sum(tensor)(); }
};

}  // namespace relievo

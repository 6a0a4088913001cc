#include "nn/exchange.h"

#include <utility>

#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/clock.h"

namespace relievo {
namespace {

thread_local double t_waited = 0;

/// Waits until the device has done what this thread gave it, so that others may read the tensor.
void finish(const at::Tensor& tensor) {
  if (tensor.is_cuda()) c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(tensor.device()).synchronize();
}

}  // namespace

std::vector<at::Tensor> Exchange::all(size_t k, const at::Tensor& own) {
  finish(own);
  std::unique_lock lock(mutex_);
  if (stopped_) throw Stopped();
  given_[k] = own;
  if (++arrived_ == given_.size()) {
    // Nobody still reads the last turn's: all have come here since.
    complete_ = std::exchange(given_, std::vector<at::Tensor>(given_.size()));
    arrived_ = 0;
    ++turn_;
    changed_.notify_all();
    return complete_;
  }
  const uint64_t turn = turn_;
  const auto since = Clock::now();
  changed_.wait(lock, [&] { return turn_ != turn || stopped_; });
  t_waited += seconds_since(since);
  if (turn_ == turn) throw Stopped();
  return complete_;
}

void Exchange::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

double take_waited_seconds() { return std::exchange(t_waited, 0); }

}  // namespace relievo

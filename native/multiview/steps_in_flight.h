// How far the host may be ahead of a GPU in the denoising loop.
#pragma once

#include <cstddef>
#include <deque>

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/control.h"

namespace relievo {

/// Reports each step once the device has finished it, and keeps the host from running further ahead than two
/// steps: else what people see and cancel would be a queue that the device has yet to work off.
class StepsInFlight {
 public:
  StepsInFlight(at::Device device, int steps, const Control& control)
      : device_(device), steps_(steps), control_(control) {}

  /// Waits until the host may give another step to the device.
  void make_room() {
    while (unfinished_.size() >= kMostAhead) finish_oldest();
  }
  /// The step that was just given ends here.
  void end_step() {
    if (device_.is_cpu()) return report();
    const c10::impl::VirtualGuardImpl guard(device_.type());
    unfinished_.emplace_back(device_.type()).record(guard.getStream(device_));
  }
  void finish_all() {
    while (!unfinished_.empty()) finish_oldest();
  }

 private:
  static constexpr size_t kMostAhead = 2;

  void finish_oldest() {
    unfinished_.front().synchronize();
    unfinished_.pop_front();
    report();
  }
  void report() { control_.step(static_cast<double>(++finished_) / steps_); }

  at::Device device_;
  int steps_;
  const Control& control_;
  int finished_ = 0;
  std::deque<c10::Event> unfinished_;
};

}  // namespace relievo

// Runs the checks of a device one by one.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "nn/errors.h"
#include "verify/gpu_check.h"

namespace relievo {

inline constexpr double kNothingToCompare = std::numeric_limits<double>::infinity();

class CheckList {
 public:
  CheckList(std::string device, const Control& control, const TellCheck& tell, size_t count)
      : device_(std::move(device)), control_(control), tell_(tell), count_(count) {}

  /// Runs one check: `body` sets the line's number, and its note where it has one.
  template <typename Body>
  void run(const std::string& name, const std::string& unit, double limit, const Body& body,
           bool is_at_least = false) {
    control_.step(std::min(1.0, static_cast<double>(done_.size()) / static_cast<double>(count_)));
    DeviceCheck& line = done_.emplace_back(DeviceCheck{.device = device_,
                                                       .name = name,
                                                       .number = is_at_least ? 0 : kNothingToCompare,
                                                       .limit = limit,
                                                       .unit = unit,
                                                       .error = {},
                                                       .is_at_least = is_at_least});
    try {
      body(line);
    } catch (...) {
      const Error error = current_torch_error();
      if (error.code() == ErrorCode::kCancelled) throw error;
      line.error = error.message();
    }
    if (tell_) tell_(line);
  }

  std::vector<DeviceCheck> take() {
    control_.step(1);
    return std::move(done_);
  }

 private:
  std::string device_;
  const Control& control_;
  const TellCheck& tell_;
  size_t count_;
  std::vector<DeviceCheck> done_;
};

/// The largest difference, divided by the largest number of the reference, which lies on the CPU.
double relative_error(const at::Tensor& found, const at::Tensor& reference);

/// The half precision that is tried on the worker: the one that it is fast in, else bf16.
std::string half_of(const Worker& worker);

/// How torch names the worker's device: cpu, cuda:0.
std::string device_name(const Worker& worker);

}  // namespace relievo

// `relievo gpu-check`: compares a device's results with the CPU's on the same numbers, made on the spot. It
// also runs on the CPU, as a check of itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/control.h"

namespace relievo {

/// One check of a device: a number and its highest allowed value.
struct DeviceCheck {
  std::string device;  ///< as torch names it: cuda:0
  std::string name;
  double number = 0;  ///< infinity where nothing could be compared
  double limit = 0;
  std::string unit;
  /// The error that was thrown instead; empty where there was none.
  std::string error;

  bool ok() const { return error.empty() && number <= limit; }
};

/// Runs every check on one device, in order, and passes each on when it is done. A check that throws has
/// failed, and the others go on. Float32 is IEEE's meanwhile, without TF32. `device` is cpu, cuda:0, ...
/// whose torch library is open (runtime/torch/device_memory.h). Throws Error{kCancelled}.
std::vector<DeviceCheck> check_device(const std::string& device, const Control& control,
                                      const std::function<void(const DeviceCheck&)>& tell = {});

}  // namespace relievo

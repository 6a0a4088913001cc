// `relievo gpu-check`: what a device computes beside what the CPU computes of the same numbers, made on the
// spot. It runs on the CPU too, as a check of itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/control.h"

namespace relievo {

/// One look at a device: a number and the highest that is right.
struct DeviceCheck {
  std::string device;  ///< as torch names it: cuda:0
  std::string name;
  double number = 0;  ///< infinity where nothing could be compared
  double limit = 0;
  std::string unit;
  std::string error;  ///< what was thrown instead; empty: nothing

  bool ok() const { return error.empty() && number <= limit; }
};

/// Every check on one device, in their order; each is told when it is done. A check that throws has failed
/// and the others go on. Float32 is IEEE's meanwhile, without TF32. `device`: cpu, cuda:0, ... whose torch
/// library is open (runtime/torch/device_memory.h). Throws Error{kCancelled}.
std::vector<DeviceCheck> check_device(const std::string& device, const Control& control,
                                      const std::function<void(const DeviceCheck&)>& tell = {});

}  // namespace relievo

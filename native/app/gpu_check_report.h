// `relievo gpu-check` as people and programs read it, for the command, Blender's command and its button.
#pragma once

#include <functional>
#include <string>

#include "base/control.h"

namespace relievo {

struct GpuCheckReport {
  std::string text;  ///< a line each: what is there, each check, how many failed
  std::string json;  ///< one object that says the same
  int failed = 0;    ///< checks
};

/// Checks the devices of `devices` (as generate has them; empty: every GPU, else the CPU), once each though
/// there may be several workers on one, with verify/gpu_check.h. Each line of the text is told when it is
/// known. Throws Error{kInvalidSettings} for devices that are not there, Error{kCancelled}.
GpuCheckReport check_gpus(const std::string& devices, const CancelToken& cancel,
                          const std::function<void(const std::string& line)>& tell = {});

}  // namespace relievo

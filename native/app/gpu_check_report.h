// The report of `relievo gpu-check` for people and programs, used by the command, Blender's command and its
// button.
#pragma once

#include <functional>
#include <string>

#include "base/control.h"

namespace relievo {

struct GpuCheckReport {
  /// Lines about what is there, each check, and how many failed.
  std::string text;
  /// One object with the same content.
  std::string json;
  int failed = 0;  ///< number of checks that failed
};

/// Checks the devices of `devices` (in generate's words; where it is empty, every GPU, else the CPU) by
/// verify/gpu_check.h, once each, even if there are several workers on one. Each line of the text is passed
/// on when it is known. Throws Error{kInvalidSettings} for devices that are not there, Error{kCancelled}.
GpuCheckReport check_gpus(const std::string& devices, const CancelToken& cancel,
                          const std::function<void(const std::string& line)>& tell = {});

}  // namespace relievo

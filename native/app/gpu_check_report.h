// The report of `relievo gpu-check` for people and programs, used by the command, Blender's command and its
// button.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "verify/model_size.h"

namespace relievo {

struct GpuCheckOptions {
  /// In generate's words; where it is empty, every GPU, else the CPU. Each device is checked once, even if
  /// there are several workers on it.
  std::string devices = {};
  /// Some of gpu_check_parts(); none: all of them for a GPU where the program can start itself
  /// (app/own_process.h), else kernels and golden, which may run beside other work of the process.
  std::vector<std::string> parts = {};
  /// Of the models for step and memory; full on a GPU, tiny on the CPU where nothing is said.
  std::optional<ModelSize> size = {};
  std::filesystem::path golden = {};   ///< the folder of cases; empty: the one beside the program
  std::filesystem::path scratch = {};  ///< for random weights; empty: in the folder for temporary files
  /// A file for the JSON object, which is written anew after each check; empty: none.
  std::filesystem::path report = {};
  /// Everything runs in this process, and each check is told as one JSON object.
  bool is_part_of_another = false;
};

struct GpuCheckReport {
  /// Lines about what is there, each check, and how many failed.
  std::string text;
  /// One object with the same content.
  std::string json;
  int failed = 0;  ///< number of checks that failed
};

/// The parts of a check in their order: kernels, golden, tiny, step, memory, loss (verify/gpu_check.h).
const std::vector<std::string>& gpu_check_parts();

/// Runs the parts on each device; those of a GPU in a process each, if the program can start itself, so that
/// one that fails badly leaves the others alone. Each has a time limit, and so have all of a device: nine
/// minutes. Each line of the text is passed on when it is known. Throws Error{kInvalidSettings} for devices
/// and parts that are not there, Error{kCancelled}.
GpuCheckReport check_gpus(const GpuCheckOptions& options, const CancelToken& cancel,
                          const std::function<void(const std::string& line)>& tell = {});

}  // namespace relievo

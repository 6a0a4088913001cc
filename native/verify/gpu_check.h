// `relievo gpu-check`: compares a device's results with the CPU's on the same numbers, made on the spot, and
// finds out what can only be known on a card: memory beside the plan, budgets, speed, what a fault does. It
// also runs on the CPU, as a check of itself.
//
//   gpu_check.cpp           every kernel and the networks' layers beside the CPU
//   gpu_check_golden.cpp    golden cases on the device, in float32 and in its half precision
//   gpu_check_pipeline.cpp  the whole pipeline with random weights: results, parts, memory, budgets
//   gpu_check_loss.cpp      a kernel that traps
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/control.h"
#include "runtime/machine/workers.h"
#include "verify/random_models.h"

namespace relievo {

/// Versions of what computes on a GPU: 2.11.0, 13.0, 9.19.0; `none` where it is not open.
struct LibraryVersions {
  std::string torch, cuda, cudnn;
};
LibraryVersions library_versions();

/// One check of a device: a number and its highest allowed value, or its lowest.
struct DeviceCheck {
  std::string device;  ///< as torch names it: cuda:0
  std::string name;
  double number = 0;  ///< infinity where nothing could be compared
  double limit = 0;
  std::string unit;
  /// The error that was thrown instead; empty where there was none.
  std::string error;
  bool is_at_least = false;  ///< the limit is the lowest allowed value
  std::string note = {};     ///< what else there is to know: the plan, the fallbacks that were taken

  bool ok() const { return error.empty() && (is_at_least ? number >= limit : number <= limit); }
};

using TellCheck = std::function<void(const DeviceCheck&)>;

// Each of these runs its checks in order and passes each on when it is done. A check that throws has failed,
// and the others go on. All throw Error{kCancelled}. The torch library of the device must be open
// (runtime/torch/device_memory.h).

/// Every kernel and the networks' layers. Float32 is IEEE's meanwhile, without TF32. `device` is cpu, cuda:0,
/// ...; `half` the half precision that it is fast in, bf16 or fp16.
std::vector<DeviceCheck> check_device(const std::string& device, const Control& control,
                                      const TellCheck& tell = {}, const std::string& half = "bf16");

/// The golden cases of a folder (verify/golden.h) that networks and kernels of a device compute, in float32
/// and in the half precision that the worker is fast in (bf16 where it has none).
std::vector<DeviceCheck> check_golden(const Worker& worker, const std::filesystem::path& folder,
                                      const Control& control, const TellCheck& tell = {});

/// What the checks of the pipeline are run with.
struct PipelineCheck {
  ModelSize size = ModelSize::kFull;  ///< of the models whose memory, budgets and speed are looked at
  std::filesystem::path folder;       ///< for their weights, written on the spot and removed at the end
  std::vector<int64_t> budgets{int64_t{6} << 30, int64_t{4} << 30, int64_t{3} << 30, int64_t{2} << 30};
};

// The next three are for a process that makes nothing else (WithRandomModels).

/// A picture by the tiny models, in float32, in half precision and on two parts of the device, beside the
/// CPU's mesh of it.
std::vector<DeviceCheck> check_tiny_pipeline(const Worker& worker, const std::filesystem::path& folder,
                                             const Control& control, const TellCheck& tell = {});

/// A picture by models of the size that is asked for: seconds, and the highest use of memory beside what the
/// plan says. Then the same within each budget that the worker has: fallbacks may be taken, an error of ours
/// never comes, and only in less than kSmallestBudget may the answer be that memory does not suffice.
std::vector<DeviceCheck> check_memory(const Worker& worker, const PipelineCheck& wanted,
                                      const Control& control, const TellCheck& tell = {});
inline constexpr int64_t kSmallestBudget = int64_t{3} << 30;

/// Steps a second of the denoising network, both halves of guidance, at 120 x 80 latents (ModelSize::kFull).
std::vector<DeviceCheck> check_guidance_step(const Worker& worker, ModelSize size, const Control& control,
                                             const TellCheck& tell = {});

/// Launches a kernel that traps: the seconds until that is known as the loss of the device. For a GPU, and
/// for a process of its own, which cannot use that GPU afterwards.
std::vector<DeviceCheck> check_loss(const Worker& worker, const Control& control, const TellCheck& tell = {});

}  // namespace relievo

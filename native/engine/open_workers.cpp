#include "engine/open_workers.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/machine.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/plan.h"
#include "runtime/torch/allocator_settings.h"
#include "runtime/torch/device_memory.h"

namespace relievo {

bool has_gpu_for_torch(const Machine& machine) {
  const bool is_refused =
      std::ranges::any_of(check_stack(machine.facts), [](const StackFinding& f) { return f.fatal; });
  return machine.facts.torch_cuda && !is_refused && std::ranges::any_of(machine.gpus, [](const GpuInfo& gpu) {
           return 10 * gpu.compute_major + gpu.compute_minor >= kLowestCompute;
         });
}

std::vector<std::string> why_no_gpu(const Machine& machine) {
  std::vector<std::string> sentences;
  if (machine.gpus.empty() && machine.facts.gpus > 0) {
    const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
    sentences.push_back(fmt::format(
        "The driver has {} GPU{}, and CUDA shows none{}: the CPU is used.", machine.facts.gpus,
        machine.facts.gpus == 1 ? "" : "s",
        visible ? fmt::format(" (the environment's CUDA_VISIBLE_DEVICES is '{}')", visible) : std::string()));
  }
  for (const std::string& maker : machine.other_gpus) {
    sentences.push_back(
        maker == "NVIDIA"
            ? "There is an NVIDIA GPU, and no driver for it: the CPU is used. Install NVIDIA's driver 580 or "
              "later."
            : fmt::format("The {} GPU is not used: Relievo computes on NVIDIA's GPUs only.", maker));
  }
  return sentences;
}

OpenedWorkers open_workers(const EngineOptions& options) {
  const AllocatorSettings allocator =
      choose_allocator(options.allocator, policy_of(options.policy), allocator_environment());
  Machine machine = find_machine();
  for (GpuInfo& gpu : machine.gpus) {
    const auto share = device_share(gpu.index);
    if (!share) continue;
    gpu.free_bytes = share->free_bytes;
    gpu.own_bytes = share->own_bytes;
  }
  WorkerSources sources = machine.sources();
  if (options.devices.empty() && !machine.gpus.empty()) {
    for (const StackFinding& finding : check_stack(machine.facts)) {
      if (finding.fatal) log(LogLevel::kWarning, finding.what + " The CPU is used. " + finding.hint);
    }
  }
  if (options.threads > 0) sources.cpu_threads = options.threads;
  OpenedWorkers opened = options.devices.empty() ? OpenedWorkers{default_workers(sources), left_out(machine)}
                                                 : OpenedWorkers{parse_workers(options.devices, sources)};
  const bool wants_gpu = std::ranges::any_of(
      opened.workers, [](const Worker& worker) { return worker.kind == DeviceKind::kCuda; });
  if (!wants_gpu) {
    if (options.devices.empty()) {
      for (std::string& sentence : why_no_gpu(machine)) {
        log(LogLevel::kWarning, sentence);
        opened.left_out.push_back(std::move(sentence));
      }
    }
    // Torch decides at its first operation, on the CPU too, whether there is CUDA: a later engine of this
    // process may want a GPU.
    if (has_gpu_for_torch(machine)) open_torch_cuda();
    return opened;
  }
  std::string why;
  if (open_torch_cuda(&why)) {
    apply(allocator);
    opened.allocator = describe(allocator);
    return opened;
  }
  if (!options.devices.empty()) {
    throw Error(ErrorCode::kInvalidSettings, fmt::format("LibTorch cannot use the GPU: {}.", why),
                "Install the CUDA runtime, or use --devices cpu. `relievo devices` says what is missing.");
  }
  log(LogLevel::kWarning, fmt::format("LibTorch cannot use the GPU: {}. The CPU is used.", why));
  sources.gpu_free_bytes.clear();
  opened.left_out.push_back(fmt::format("The GPU is left out: LibTorch cannot use it, because {}.", why));
  return {default_workers(sources), opened.left_out};
}

}  // namespace relievo

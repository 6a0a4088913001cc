#include "engine/open_workers.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/machine.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/plan.h"
#include "runtime/torch/allocator_settings.h"
#include "runtime/torch/device_memory.h"

namespace relievo {

namespace {

/// What is wrong with a machine that has GPUs of NVIDIA's and can use none.
std::optional<StackFinding> why_no_gpu_can_be_used(const Machine& machine) {
  if (machine.facts.gpus == 0 && machine.facts.nvml_error.empty()) return std::nullopt;
  const auto findings = check_stack(machine.facts);
  const auto fatal = std::ranges::find_if(findings, [](const StackFinding& f) { return f.fatal; });
  return fatal == findings.end() ? std::nullopt : std::optional(*fatal);
}

}  // namespace

bool has_gpu_for_torch(const Machine& machine) {
  const bool is_refused =
      std::ranges::any_of(check_stack(machine.facts), [](const StackFinding& f) { return f.fatal; });
  return machine.facts.torch_cuda && !is_refused && std::ranges::any_of(machine.gpus, [](const GpuInfo& gpu) {
           return 10 * gpu.compute_major + gpu.compute_minor >= kLowestCompute;
         });
}

std::vector<std::string> why_no_gpu(const Machine& machine) {
  std::vector<std::string> sentences;
  if (const auto fatal = why_no_gpu_can_be_used(machine)) {
    sentences.push_back(fatal->what + " The CPU is used. " + fatal->hint);
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

std::vector<Worker> named_workers(const std::string& devices, const WorkerSources& sources,
                                  const Machine& machine) {
  try {
    return parse_workers(devices, sources);
  } catch (const Error& error) {
    if (const auto fatal = why_no_gpu_can_be_used(machine); fatal && devices.find("cuda") != devices.npos)
      throw Error(error.code(), error.message() + " " + fatal->what, fatal->hint);
    for (const GpuInfo& gpu : machine.gpus) {
      const bool is_named = error.message().find(fmt::format("'cuda:{}'", gpu.index)) != std::string::npos;
      const std::string why = is_named ? left_out_sentence(machine, gpu) : std::string();
      if (!why.empty()) throw Error(error.code(), error.message() + " " + why, error.hint());
    }
    throw;
  }
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
  if (options.threads > 0) sources.cpu_threads = options.threads;
  OpenedWorkers opened = options.devices.empty()
                             ? OpenedWorkers{default_workers(sources), left_out(machine)}
                             : OpenedWorkers{named_workers(options.devices, sources, machine)};
  const bool wants_gpu = std::ranges::any_of(
      opened.workers, [](const Worker& worker) { return worker.kind == DeviceKind::kCuda; });
  if (!wants_gpu) {
    if (options.devices.empty()) {
      if (why_no_gpu_can_be_used(machine)) opened.left_out.clear();  // each for that reason
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

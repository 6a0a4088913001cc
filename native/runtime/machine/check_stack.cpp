#include <algorithm>

#include <fmt/format.h>

#include "runtime/machine/machine.h"

namespace relievo {
namespace {

/// The first driver branch that serves a CUDA major version (NVIDIA, CUDA compatibility table).
int driver_for(int cuda) {
  if (cuda >= 13000) return 580;
  if (cuda >= 12000) return 525;
  return 450;
}

}  // namespace

std::vector<StackFinding> check_stack(const StackFacts& facts) {
  std::vector<StackFinding> findings;
  const auto add = [&](bool fatal, std::string what, std::string hint) {
    findings.push_back({fatal, std::move(what), std::move(hint)});
  };
  if (!facts.nvml_found) {
    if (facts.torch_cuda) {
      add(true, "A CUDA runtime is installed, but no NVIDIA driver.",
          "Install NVIDIA's driver 580 or later, or go on with the CPU.");
    }
    return findings;
  }
  if (!facts.nvml_error.empty()) {
    add(true, facts.nvml_error + ": the driver's parts do not fit each other.",
        "Restart the machine (a driver update needs that); else install the driver again.");
    return findings;
  }
  if (facts.gpus == 0) {
    add(true, "The NVIDIA driver sees no GPU.",
        "Check the card's power and seat; in a container, pass the GPUs through (--gpus all).");
    return findings;
  }
  if (!facts.torch_cuda) {
    add(true, "There is a GPU, but the LibTorch that is installed is CPU-only.",
        "Install the CUDA runtime (RELIEVO_RUNTIME=cuda packaging/setup, or the button in the preferences).");
    return findings;
  }
  if (!facts.runtime_cuda) {
    add(true, "The CUDA runtime library libcudart is missing.", "Install the runtime again.");
  } else if (*facts.runtime_cuda / 1000 != *facts.torch_cuda / 1000) {
    add(true,
        fmt::format("LibTorch is built for CUDA {} but the CUDA runtime here is {}.",
                    *facts.torch_cuda / 1000, *facts.runtime_cuda / 1000),
        "Install the runtime again: both must come from one set.");
  }
  const int needed = driver_for(*facts.torch_cuda);
  const int major = facts.driver_version[0].value_or(0);
  if (major == 0 && !facts.driver_cuda) {
    add(true, "The driver does not tell its version.",
        fmt::format("Install NVIDIA's driver {} or later.", needed));
  } else if ((major != 0 && major < needed) ||
             (facts.driver_cuda && *facts.driver_cuda / 1000 < *facts.torch_cuda / 1000)) {
    add(true,
        fmt::format("The NVIDIA driver {} is too old for CUDA {}.",
                    major != 0 ? std::to_string(major) : std::string("here"), *facts.torch_cuda / 1000),
        fmt::format("Install NVIDIA's driver {} or later.", needed));
  }
  const int there = facts.gpus - facts.lost_gpus - facts.gpus_without_parts;
  if (facts.lost_gpus > 0) {
    add(facts.lost_gpus == facts.gpus,
        fmt::format("The driver no longer reaches {} of {} GPU{}.", facts.lost_gpus, facts.gpus,
                    facts.gpus == 1 ? "" : "s"),
        "Restart the machine. The system's log says why, in a line with 'Xid'.");
  }
  if (facts.gpus_without_parts > 0) {
    add(facts.gpus_without_parts == facts.gpus, "A GPU is in MIG mode and was not cut into parts.",
        "Make parts with `nvidia-smi mig -cgi PROFILE -C`, or switch the mode off with `nvidia-smi -mig 0`.");
  }
  const bool is_fatal_already = std::ranges::any_of(findings, [](const StackFinding& f) { return f.fatal; });
  if (!facts.cuda_error.empty() && !is_fatal_already) {
    add(true, fmt::format("CUDA does not start: {}.", facts.cuda_error),
        "Restart the machine; if that does not help, install NVIDIA's driver again.");
  } else if (facts.shown_gpus == 0 && there > 0 && !is_fatal_already) {
    add(true,
        fmt::format(
            "The driver has {} GPU{}, and CUDA shows none{}.", there, there == 1 ? "" : "s",
            facts.visible_devices.empty()
                ? std::string()
                : fmt::format(" (the environment's CUDA_VISIBLE_DEVICES is '{}')", facts.visible_devices)),
        facts.visible_devices.empty()
            ? "In a container, pass the GPUs through (--gpus all); else install NVIDIA's driver again."
            : "Name GPUs that are there in CUDA_VISIBLE_DEVICES, or remove it from the environment.");
  }
  if (facts.lowest_compute != 0 && facts.lowest_compute < kLowestCompute) {
    add(false,
        fmt::format("A GPU has compute capability {}.{}; 7.5 (Turing) is the oldest that is supported.",
                    facts.lowest_compute / 10, facts.lowest_compute % 10),
        "It is left out.");
  }
  return findings;
}

}  // namespace relievo

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <arpa/inet.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/numeric_option.h"
#include "base/interruption.h"
#include "base/parallel.h"
#include "base/refusals.h"
#include "base/standard_output.h"
#include "runtime/torch/device_memory.h"
#include "train/learn/launch.h"
#include "train/learn/trainer.h"
#include "train/program/commands.h"
#include "train/program/live_line.h"

extern char** environ;

namespace relievo {
namespace {

struct Options {
  std::string config;
  std::string finetune;
  std::string device = "auto";
  int processes = 0;
  int threads = 0;
};

const std::vector<std::string> kDevices{"auto", "cpu", "cuda"};

/// The number of GPUs to train on; 0 means the processor. Throws where GPUs are asked for and there is none.
int gpus_of(const std::string& device) {
  if (std::ranges::find(kDevices, device) == kDevices.end()) throw unknown_value("device", device, kDevices);
  if (device == "cpu") return 0;
  std::string why = "there is none";
  const int count =
      open_torch_cuda(&why) ? static_cast<int>(c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount()) : 0;
  if (count == 0 && device == "cuda") {
    throw Error(ErrorCode::kInvalidSettings, fmt::format("No GPU can be used: {}.", why),
                "Leave --device out to train on the processor.");
  }
  return count;
}

int free_port() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound =
      listener >= 0 && bind(listener, general, length) == 0 && getsockname(listener, general, &length) == 0;
  if (listener >= 0) close(listener);
  if (!is_bound)
    throw Error(ErrorCode::kIo, "No port of this machine is free.",
                "Set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT yourself.");
  return ntohs(address.sin_port);
}

/// Runs this program once a process, and waits for all. When one ends before its time, the others notice by
/// themselves.
int start_processes(const Options& options, int processes) {
  const std::string count = std::to_string(processes), port = std::to_string(free_port());
  const int threads = options.threads > 0 ? options.threads : std::max(1, parallel_threads() / processes);
  setenv("WORLD_SIZE", count.c_str(), 1);
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  setenv("MASTER_PORT", port.c_str(), 1);
  setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), 1);
  std::vector<pid_t> children;
  std::string program = "/proc/self/exe";
  std::vector<std::string> words{program, "run", options.config, "--device", options.device};
  if (!options.finetune.empty()) words.insert(words.end(), {"--finetune", options.finetune});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  for (int rank = 0; rank < processes; ++rank) {
    setenv("RANK", std::to_string(rank).c_str(), 1);
    setenv("LOCAL_RANK", std::to_string(rank).c_str(), 1);
    pid_t child = 0;
    if (posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ) != 0) {
      throw Error(ErrorCode::kIo, "A process cannot be started.", "Use fewer --processes.");
    }
    children.push_back(child);
  }
  const CancelToken cancel = interruption();  // this process ends after those that save first
  bool is_passed_on = false;
  int status = 0;
  for (size_t left = children.size(); left > 0; --left) {
    int ended = 0;
    pid_t child = 0;
    // A signal does not interrupt waitpid() (base/interruption.h), so that it must not wait.
    while ((child = waitpid(-1, &ended, WNOHANG)) <= 0) {
      if (cancel.cancelled() && !is_passed_on) {
        for (const pid_t each : children) kill(each, SIGTERM);
        is_passed_on = true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const auto rank = std::ranges::find(children, child) - children.begin();
    if (WIFSIGNALED(ended)) {
      print_message("relievo-train: Process {} was ended by signal {}.\n", rank, WTERMSIG(ended));
    }
    const int code = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
    if (status == 0) status = code;
  }
  if (status != 0) {
    print_message("  The same command goes on from the last checkpoint.\n");
  }
  return status;
}

int run_here(const Options& options, const std::optional<Launched>& launched, int gpus) {
  if (options.threads > 0) set_parallel_threads(options.threads);
  at::set_num_threads(parallel_threads());
  TrainConfig config = read_train_config(options.config);
  if (!options.finetune.empty()) config.finetune = options.finetune;
  check_finetune(config.finetune);
  const int local_rank = launched ? launched->local_rank : 0;
  if (gpus > 0 && local_rank >= gpus) {
    throw invalid_value("local rank", std::to_string(local_rank),
                        fmt::format("Start {} processes on this machine, one a GPU.", gpus));
  }
  const at::Device device =
      gpus > 0 ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(local_rank)) : at::Device(at::kCPU);
  if (gpus > 0) c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(device);
  std::shared_ptr<ProcessGroup> group;
  if (launched) group = open_group(*launched, gpus > 0 ? GroupBackend::kNccl : GroupBackend::kGloo);
  LiveLine line;
  const bool is_first = !group || group->rank() == 0;
  const auto on_step = [&](const TrainStep& now) {
    if (!is_first) return;
    line.show(fmt::format("step {} of {}, loss {:.4f}, IoU {:.3f}, {:.1f} samples/s, {} left", now.step,
                          now.steps, now.loss, now.overlap, now.samples_per_second,
                          in_words(now.seconds_left)));
  };
  const int64_t step =
      train(config, {.group = group, .device = device, .cancel = interruption(), .on_step = on_step});
  if (is_first) print_output("trained to step {}; the run is in '{}'\n", step, config.output.string());
  return 0;
}

int run_anywhere(const Options& options) {
  const int gpus = gpus_of(options.device);
  const std::optional<Launched> launched =
      launched_process([](const char* name) { return std::getenv(name); });
  const int processes = options.processes > 0 ? options.processes : std::max(gpus, 1);
  if (launched || processes == 1) return run_here(options, launched, gpus);
  if (gpus > 0 && processes > gpus) {
    throw invalid_value("number of processes", std::to_string(processes),
                        fmt::format("Use at most {}, one a GPU.", gpus));
  }
  return start_processes(options, processes);
}

}  // namespace

TrainCommand add_run(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("config", options->config, "JSON file of the run (docs/training.md)")->required();
  parser.add_option("--finetune", options->finetune,
                    "Fine-tune triposr, instant-mesh-base or instant-mesh-large instead");
  parser.add_option("--device", options->device, "cpu, cuda, or auto: all GPUs where there are some");
  add_number(parser, "--processes", options->processes, Range<int>{0, 256},
             "Processes on this machine that share each batch; 0: one a GPU, or one");
  add_number(parser, "--threads", options->threads, Range<int>{0, 1024},
             "Threads of each; 0: all, shared out");
  return [options] { return run_anywhere(*options); };
}

TrainCommand add_export(CLI::App& parser) {
  struct Paths {
    std::string run, model;
  };
  const auto paths = std::make_shared<Paths>();
  parser.add_option("run", paths->run, "Folder of the run")->required();
  parser.add_option("-o,--output", paths->model, "The model: NAME.safetensors")->required();
  return [paths] {
    export_model(paths->run, paths->model);
    print_output("wrote '{}' of step {}\n", paths->model, trained_steps(paths->run));
    return 0;
  };
}

}  // namespace relievo

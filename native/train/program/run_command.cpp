#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/numeric_option.h"
#include "base/interruption.h"
#include "base/parallel.h"
#include "base/standard_output.h"
#include "train/learn/trainer.h"
#include "train/program/commands.h"
#include "train/program/live_line.h"

extern char** environ;

namespace relievo {
namespace {

struct Options {
  std::string config;
  int processes = 1;
  int threads = 0;
};

/// A number that a launcher has set, under the first of the names that is there.
std::optional<int> launched(std::initializer_list<const char*> names, int high) {
  for (const char* name : names) {
    const char* word = std::getenv(name);
    if (!word || !*word) continue;
    const std::optional<int> number = read_number<int>(word);
    if (!number || *number < 0 || *number > high) {
      throw invalid_value(name, word, fmt::format("Use a whole number from 0 to {}.", high));
    }
    return number;
  }
  return std::nullopt;
}

/// The group that torchrun, SLURM or start_processes() has described; none where this process is alone.
std::shared_ptr<ProcessGroup> group_of_environment() {
  const std::optional<int> size = launched({"WORLD_SIZE", "SLURM_NTASKS"}, 1 << 20);
  const std::optional<int> rank = launched({"RANK", "SLURM_PROCID"}, 1 << 20);
  if (!size || !rank || *size < 2) return nullptr;
  const std::optional<int> port = launched({"MASTER_PORT"}, 65'535);
  const char* address = std::getenv("MASTER_ADDR");
  if (!address || !port) {
    throw Error(ErrorCode::kInvalidSettings, "The processes do not know where to meet.",
                "Set MASTER_ADDR and MASTER_PORT to the first process's machine and a free port.");
  }
  return ProcessGroup::open({.rank = *rank,
                             .size = *size,
                             .rendezvous = fmt::format("tcp://{}:{}", address, *port),
                             .timeout = std::chrono::minutes(5)});
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
int start_processes(const Options& options) {
  const std::string count = std::to_string(options.processes), port = std::to_string(free_port());
  const int threads =
      options.threads > 0 ? options.threads : std::max(1, parallel_threads() / options.processes);
  setenv("WORLD_SIZE", count.c_str(), 1);
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  setenv("MASTER_PORT", port.c_str(), 1);
  setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), 1);
  std::vector<pid_t> children;
  std::string program = "/proc/self/exe", run = "run", config = options.config;
  for (int rank = 0; rank < options.processes; ++rank) {
    setenv("RANK", std::to_string(rank).c_str(), 1);
    std::array<char*, 4> arguments{program.data(), run.data(), config.data(), nullptr};
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
    while ((child = waitpid(-1, &ended, 0)) < 0 && errno == EINTR) {
      if (!cancel.cancelled() || is_passed_on) continue;
      for (const pid_t each : children) kill(each, SIGTERM);
      is_passed_on = true;
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

int run_here(const Options& options) {
  if (options.threads > 0) set_parallel_threads(options.threads);
  at::set_num_threads(parallel_threads());
  const TrainConfig config = read_train_config(options.config);
  const std::shared_ptr<ProcessGroup> group = group_of_environment();
  LiveLine line;
  const bool is_first = !group || group->rank() == 0;
  const int64_t step = train(
      config, {.group = group, .cancel = interruption(), .on_step = [&](const TrainStep& now) {
                 if (!is_first) return;
                 line.show(fmt::format("step {} of {}, loss {:.4f}, IoU {:.3f}, {:.1f} samples/s, {} left",
                                       now.step, now.steps, now.loss, now.overlap, now.samples_per_second,
                                       in_words(now.seconds_left)));
               }});
  if (is_first) print_output("trained to step {}; the run is in '{}'\n", step, config.output.string());
  return 0;
}

}  // namespace

TrainCommand add_run(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("config", options->config, "JSON file of the run (docs/training.md)")->required();
  add_number(parser, "--processes", options->processes, Range<int>{1, 256},
             "Processes on this machine that share each batch");
  add_number(parser, "--threads", options->threads, Range<int>{0, 1024},
             "Threads of each; 0: all, shared out");
  return [options] { return options->processes > 1 ? start_processes(*options) : run_here(*options); };
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

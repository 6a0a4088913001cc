#include "train/learn/launch.h"

#include <chrono>
#include <initializer_list>

#include <fmt/format.h>

#include "base/numbers.h"
#include "base/refusals.h"

namespace relievo {
namespace {

constexpr int kMostProcesses = 1 << 20, kMostPort = 65'535;

/// The first of the variables that is set.
std::string word_of(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* word = environment(name);
    if (word && *word) return word;
  }
  return {};
}

std::optional<int> number_of(const Environment& environment, std::initializer_list<const char*> names,
                             int high) {
  for (const char* name : names) {
    const std::string word = word_of(environment, {name});
    if (word.empty()) continue;
    const std::optional<int> number = read_number<int>(word);
    if (!number || *number < 0 || *number > high) {
      throw invalid_value(name, word, fmt::format("Use a whole number from 0 to {}.", high));
    }
    return number;
  }
  return std::nullopt;
}

std::optional<int> port_of_job(const Environment& environment) {
  constexpr int kFirst = 15'000, kCount = 20'000, kMostJob = 2'000'000'000;
  const std::optional<int> job = number_of(environment, {"SLURM_JOB_ID"}, kMostJob);
  if (!job) return std::nullopt;
  return kFirst + *job % kCount;
}

}  // namespace

std::optional<Launched> launched_process(const Environment& environment) {
  const auto size = number_of(environment, {"WORLD_SIZE", "SLURM_NTASKS"}, kMostProcesses);
  const auto rank = number_of(environment, {"RANK", "SLURM_PROCID"}, kMostProcesses);
  if (!size || !rank || *size < 2) return std::nullopt;
  if (*rank >= *size) {
    throw invalid_value("rank", std::to_string(*rank),
                        fmt::format("There are {} processes, counted from 0.", *size));
  }
  Launched launched{.rank = *rank, .size = *size};
  launched.local_rank = number_of(environment, {"LOCAL_RANK", "SLURM_LOCALID"}, kMostProcesses).value_or(0);
  launched.address = word_of(environment, {"MASTER_ADDR", "SLURM_LAUNCH_NODE_IPADDR"});
  std::optional<int> port = number_of(environment, {"MASTER_PORT"}, kMostPort);
  if (!port) port = port_of_job(environment);
  if (launched.address.empty() || !port) {
    throw Error(ErrorCode::kInvalidSettings, "The processes do not know where to meet.",
                "Set MASTER_ADDR and MASTER_PORT to the first process's machine and a free port.");
  }
  launched.port = *port;
  return launched;
}

std::shared_ptr<ProcessGroup> open_group(const Launched& launched, GroupBackend backend) {
  return ProcessGroup::open({.backend = backend,
                             .rank = launched.rank,
                             .size = launched.size,
                             .rendezvous = fmt::format("tcp://{}:{}", launched.address, launched.port),
                             .timeout = std::chrono::minutes(5)});
}

}  // namespace relievo

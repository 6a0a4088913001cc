// How the processes of a training find each other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "train/process_group.h"

namespace relievo {

/// One process of several, as its launcher tells it.
struct Launched {
  int rank = 0;
  int size = 1;
  int local_rank = 0;        ///< among the processes of this machine: the number of its device
  std::string address = {};  ///< of the machine of the process of rank 0
  int port = 0;
};

/// The value of a variable of the environment, or null.
using Environment = std::function<const char*(const char* name)>;

/// Understands torchrun's RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, and of SLURM
/// SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_LAUNCH_NODE_IPADDR and SLURM_JOB_ID, from which a port is
/// made that two jobs of one machine rarely share. Nothing where this process is alone. Throws
/// Error{kInvalidSettings} for a number that is none, and where the processes cannot find each other.
std::optional<Launched> launched_process(const Environment& environment);

/// Waits for the others.
std::shared_ptr<ProcessGroup> open_group(const Launched& launched, GroupBackend backend);

}  // namespace relievo

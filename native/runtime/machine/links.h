// How two GPUs of a machine are joined, and how fast values go from one worker to another.
#pragma once

#include <string>
#include <vector>

#include "runtime/machine/workers.h"

namespace relievo {

/// From the fastest to the slowest: NVLink; PCIe below one bridge of the host, with access to each other's
/// memory; PCIe with that access through the host's bridges; through host memory, because one may not read
/// the other's; and the same over two sockets of processors, each with memory of its own (NUMA).
enum class LinkKind { kNvLink, kPcieSwitch, kPeer, kHost, kNuma };

/// `NVLink`, `PCIe switch`, `PCIe`, `host memory`, `host memory (NUMA)`.
std::string link_name(LinkKind kind);

/// The link from a GPU to another one.
struct GpuLink {
  std::string bus_id;  ///< of the other, as GpuInfo::bus_id
  LinkKind kind = LinkKind::kHost;
  int lanes = 0;  ///< of NVLink
  /// What can be expected of it in one direction; 0 where nothing is known of it.
  double bytes_per_second = 0;
};

/// What is known of a pair of GPUs.
struct PairFacts {
  int nvlinks = 0;         ///< that join them, directly or over a switch
  int nvlink_version = 0;  ///< 1 to 5
  bool peer_access = false;
  /// Their nearest common ancestor in NVML's words: 0 one board, 10 and 20 PCIe switches, 30 a bridge of the
  /// host, 40 the same NUMA node, 50 beyond.
  int ancestor = 30;
  double host_bytes_per_second[2] = {0, 0};  ///< of both PCIe links
};

/// The kind of a pair's link and its rate, told from these facts: four fifths of NVLink's data sheet, the
/// slower of the PCIe links, or both after each other through host memory.
GpuLink expected_link(const PairFacts& facts);

/// Bytes a second in one direction of a PCIe link; 0 for a generation that is not known.
double pcie_bytes_per_second(int generation, int lanes);

/// Bytes a second from worker to worker: by their link where both are GPUs and it is known, else through host
/// memory, at the slower one's rate.
double bytes_between(const Worker& from, const Worker& to);

/// Seconds a byte from worker to worker where values wait in host memory, as they do between stages: into it
/// and out of it; none where both compute in the same memory.
double host_seconds_per_byte(const Worker& from, const Worker& to);

/// Workers on one GPU, or on the processor, need not copy what they hand over.
bool share_memory(const Worker& a, const Worker& b);

/// Reads `80GiB#0+80GiB#1=300`, or `all=25`, in GB a second, into the workers' links. Throws
/// Error{kInvalidSettings}.
void set_links(std::vector<Worker>& workers, const std::vector<std::string>& texts);

}  // namespace relievo

// GPUs that are not there, for tests: registers with LibTorch as its CUDA device, so that code for a GPU runs
// on a machine without one. Operators compute with LibTorch's kernels for the CPU.
//
//   memory.cpp     the caching allocator with a limit a device; a device's pointers fault when the host reads
//                  or writes through them
//   streams.cpp    devices, streams and events
//   order.cpp      whether what was given to streams is in an order that a GPU would keep
//   graph.cpp      streams that record what they are given (CUDA graphs)
//   operators.cpp  every operator, by LibTorch's kernel for the CPU on another mapping of the device's memory
//   hooks.cpp      what LibTorch asks of CUDA, and failures on request
//   devices.cpp    the same devices for stand-ins of NVML and of the CUDA runtime (driver/)
//   kernels.cpp    our own kernels, compiled for the host (../cuda_on_host)
//
// program/ is the program `relievo` on such devices, as a process of its own.
//
// What it does not show: speed, rounding that differs from the CPU's, anything inside a kernel (warps, shared
// memory, launch limits), that a kernel of ours writes over what the host copied, what cuBLAS and cuDNN take
// for themselves, and how a driver places segments.
// Everything runs at once, so a wait that is missing changes no result here; findings() tells of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fake_cuda {

struct Device {
  int64_t bytes = int64_t{8} << 30;
  int compute_major = 8, compute_minor = 6;
  int64_t others_bytes = 0;  ///< held by another program
  /// For a part of a card in MIG mode: the card's number. Devices with the same one are parts of that card.
  std::optional<int> part_of = {};
};

/// What NVIDIA's libraries say besides.
struct Driver {
  int branch = 580;
  int nvml_status = 0;  ///< of NVML's start; 18 where library and driver are of two versions
  int cuda_status = 0;  ///< of the runtime's first call; 999 where it finds no way to the driver
};

/// The devices from now on: whole, with empty memory and counters at zero. Tensors of those before must be
/// gone.
void set_devices(const std::vector<Device>& devices, const Driver& driver = {});

/// How an operation fails, and every later one of the device.
enum class Fault {
  kIllegalAddress,  ///< c10::AcceleratorError with CUDA's number 700
  kCublas,          ///< c10::Error in the words in which LibTorch passes on what cuBLAS says
  kUnnamed,         ///< c10::Error in words of a library that nobody knows
  kLater,      ///< the operation itself goes well; whatever asks the device next fails, as a GPU's mostly do
  kOffTheBus,  ///< as kLater, and the driver no longer reaches the card (Xid 79)
};

/// The n-th operation of the device from now on (1: the next one) fails, and the device is lost. What waits
/// for a lost device and what asks it fails, too.
void fail_operation(int device, int64_t n, Fault fault = Fault::kIllegalAddress);

/// The device is lost now, and whatever asks it next fails.
void lose(int device);

/// The n-th launch of a kernel of ours on the device from now on ends in a trap, as after a failed assertion:
/// the launch goes well, and whatever asks the device next fails.
void trap_kernel(int device, int64_t n);

/// The n-th allocation of the device from now on fails, and `times` - 1 after it.
void fail_allocation(int device, int64_t n, int64_t times = 1);

/// How graphs fail from now on: where their recording begins, where they are made of what was recorded, where
/// they are launched.
enum class GraphFault { kNone, kBegin, kInstantiate, kLaunch };
void fail_graphs(int device, GraphFault fault);
/// Those that are there now.
int64_t graphs(int device);

/// Since set_devices().
int64_t operations(int device);  ///< operators, copies and our own kernels
int64_t allocations(int device);
std::map<std::string, int64_t> operations_by_name(int device);
int64_t allocated_bytes(int device);
/// Copies between the host and the device, and operators whose answer the host waits for.
int64_t transfers(int device);
/// The bytes among them that come from pinned memory of the host.
int64_t pinned_bytes(int device);

/// How far the device's streams are, in steps of all of them together: operations and events.
struct StreamProgress {
  int64_t given = 0;    ///< by the host
  int64_t awaited = 0;  ///< by the host: it knows that these are done
};
StreamProgress stream_progress(int device);
int64_t limit_bytes(int device);  ///< that the allocator was set

/// Another program holds so much of the device from now on.
void hold_for_others(int device, int64_t bytes);

/// What a GPU might do in another order than the host gave it, a sentence each, since the last call: a block
/// that is used on one stream though nothing waited for what another stream does with it, or that is freed
/// while another stream may still use it.
std::vector<std::string> take_findings();

}  // namespace fake_cuda

// What the parts of the stand-in share. One lock guards all of it; nothing computes under it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Stream.h>

#include "fake_cuda.h"

namespace fake_cuda {

/// A stream of a device: what is done on it is done in order.
using StreamKey = std::pair<int, int64_t>;  // device, torch's number

/// How much of every stream has been done for certain (Lamport 1978, Fidge 1988: vector clocks).
class Clock {
 public:
  uint64_t operator[](const StreamKey& stream) const {
    const auto found = times_.find(stream);
    return found == times_.end() ? 0 : found->second;
  }
  uint64_t tick(const StreamKey& stream) { return ++times_[stream]; }
  void join(const Clock& other) {
    for (const auto& [stream, time] : other.times_) times_[stream] = std::max(times_[stream], time);
  }

 private:
  std::map<StreamKey, uint64_t> times_;
};

struct Access {
  StreamKey stream;
  uint64_t time = 0;
  std::string what;  ///< the operation
};

/// Of the allocator's private pools; 0 is the one of all.
using PoolNumber = uint64_t;

struct Block {
  int device = 0;
  uint64_t number = 0;  ///< each time it is given out another
  PoolNumber pool = 0;
  StreamKey stream;  ///< that it was allocated on
  char* pointer = nullptr;
  int64_t bytes = 0;  ///< rounded up
  std::optional<Access> write;
  std::map<StreamKey, Access> reads;  ///< the last of each stream since the write
  std::set<StreamKey> recorded;       ///< streams that the allocator was told of
  bool came_from_host = false;        ///< the host's copy was the last to write it, as it is of weights
};

/// Memory of one graph.
struct Pool {
  /// Whether what is allocated on a stream comes from it; none where nothing is recorded.
  std::function<bool(const StreamKey&)> takes = {};
  std::vector<std::unique_ptr<Block>> kept = {};
};

/// What a step of a graph reads or writes.
struct Touch {
  const void* pointer = nullptr;
  bool is_written = false;
  uint64_t block = 0;  ///< its number when it was recorded; 0 in memory of the graph's own
};

/// What a stream was given while it recorded.
struct GraphStep {
  std::string what;
  std::vector<Touch> touches = {};
  std::function<void()> run = {};
};

struct Recording {
  std::thread::id thread;
  bool is_broken = false;
  std::vector<GraphStep> steps = {};
};

struct DeviceState {
  Device made;
  std::optional<Fault> lost;
  Fault fault = Fault::kIllegalAddress;
  int64_t operations = 0, failing_operation = 0, transfers = 0, pinned_bytes = 0;
  int64_t kernels = 0, trapping_kernel = 0;
  int64_t allocations = 0, first_failing = 0, last_failing = 0;
  std::map<std::string, int64_t> by_name;
  std::map<char*, std::unique_ptr<Block>> blocks;                 ///< in use, by address
  std::map<StreamKey, std::vector<std::unique_ptr<Block>>> kept;  ///< freed, for the same stream
  std::map<PoolNumber, Pool> pools;
  GraphFault graph_fault = GraphFault::kNone;
  int64_t graphs = 0;
  double fraction = 1;  ///< of the memory that may be taken
  int64_t fresh = 0;    ///< where the memory begins that was never given out
  c10::CachingDeviceAllocator::DeviceStats stats;
};

inline int64_t free_bytes(const DeviceState& device) {
  return device.made.bytes - device.made.others_bytes - device.stats.reserved_bytes[0].current;
}

struct State {
  std::mutex mutex;
  std::vector<DeviceState> devices{1};
  Driver driver;
  std::map<StreamKey, Clock> streams;
  Clock host;  ///< what the host has waited for; its threads are taken to wait for each other
  std::vector<std::string> findings;
  std::map<StreamKey, Recording> recordings;
  uint64_t blocks_given = 0;
};
State& state();

/// The stream of this thread on `device`.
c10::Stream current_stream(int device);
StreamKey key_of(const c10::Stream& stream);
int current_device();

// memory.cpp

/// The address under which the host reaches what a device's pointer means; null for null.
char* host_address(const void* device_pointer);
bool is_device_address(const void* pointer);
/// Whether memory of a tensor of the CPU begins there.
bool is_tensor_of_host(const void* pointer);
/// The device's part of a DataPtr that the_allocator_of_temporaries() gave, and of others none.
std::optional<c10::DataPtr> device_part(c10::DataPtr&& temporary);
c10::DeviceAllocator* allocator();
/// For host memory that a device reads by itself.
c10::Allocator* pinned_allocator();
bool is_pinned(const void* pointer);

/// While one lives, what this thread allocates for the CPU comes from the device's memory: it is what a
/// kernel for the device would allocate there.
class AllocateOn {
 public:
  explicit AllocateOn(int device);
  ~AllocateOn();
  AllocateOn(const AllocateOn&) = delete;
  AllocateOn& operator=(const AllocateOn&) = delete;

 private:
  int before_;
};

// order.cpp. All need the lock.

/// For take_findings().
void find(std::string sentence);

/// A step of `stream`, given by the host now.
uint64_t begin_step(const StreamKey& stream);
void note_read(const StreamKey& stream, uint64_t time, const void* device_pointer, const std::string& what);
void note_write(const StreamKey& stream, uint64_t time, const void* device_pointer, const std::string& what);
void note_free(const Block& block);
Block* block_at(const void* device_pointer);

// graph.cpp

/// Whether the stream records.
bool is_recording(const StreamKey& stream);
/// Needs the lock.
Touch touch_of(const void* device_pointer, bool is_written);
void record_step(const StreamKey& stream, GraphStep step);
/// Breaks what this thread records and throws, as CUDA does where it waits for a device meanwhile.
void refuse_while_recording();
struct Graph;
/// All return CUDA's statuses.
int begin_recording(const StreamKey& stream);
int end_recording(const StreamKey& stream, Graph** made);
int instantiate_graph(const Graph& graph, Graph** made);
int launch_graph(const Graph& graph, const StreamKey& stream);
void destroy_graph(Graph* graph);
/// The name under which launches of graphs are counted.
inline constexpr const char* kGraph = "graph";

// hooks.cpp

/// The name under which kernels of ours are counted.
inline constexpr const char* kKernel = "kernel";
/// Counts it; throws when it is to fail, or the device is lost.
void begin_operation(int device, const std::string& name);
/// Counts one of transfers(), and these bytes of pinned_bytes().
void note_transfer(int device, int64_t pinned_bytes = 0);
/// As CUDA does of a device that is lost. Needs the lock.
[[noreturn]] void throw_lost(const DeviceState& device);
/// Throws when the device is lost.
void check_device(int device);
/// The host waits for the stream.
void synchronize(const StreamKey& stream);

}  // namespace fake_cuda

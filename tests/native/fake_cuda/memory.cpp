#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <unordered_set>

#include <c10/core/CPUAllocator.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include "state.h"

// The base class of CUDA's allocators asks CUDA itself where nobody overrides it.
extern "C" cudaError_t cudaMemGetInfo(size_t*, size_t*) { return cudaErrorUnknown; }
void c10::cuda::c10_cuda_check_implementation(int32_t, const char*, const char*, uint32_t, bool) {
  TORCH_CHECK(false, "There is no CUDA.");
}

namespace fake_cuda {
namespace {

namespace cuda_allocator = c10::cuda::CUDACachingAllocator;

// Each device has a terabyte of addresses. The host's mapping is apart from the device's by whole multiples
// of 4 GiB, so that the lower halves of both addresses are equal (kernels.cpp).
constexpr int64_t kAddresses = int64_t{1} << 40;
constexpr int kMostDevices = 8;
constexpr uintptr_t kDeviceBase = 0x2000'0000'0000, kHostBase = 0x3000'0000'0000;
constexpr int64_t kRounding = 512, kPage = 4096;

/// Pages come when they are touched.
void map_addresses() {
  const auto map = [](uintptr_t base, int protection) {
    void* const wanted = reinterpret_cast<void*>(base);
    void* const got = mmap(wanted, kMostDevices * kAddresses, protection,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    TORCH_CHECK(got == wanted, "The stand-in's addresses are taken.");
  };
  map(kDeviceBase, PROT_NONE);
  map(kHostBase, PROT_READ | PROT_WRITE);
}

thread_local int t_device = -1;  // that temporaries of this thread come from; -1: the CPU

void change(c10::CachingAllocator::StatArray& stats, int64_t by) {
  for (auto& stat : stats) by > 0 ? stat.increase(size_t(by)) : stat.decrease(size_t(-by));
}

/// Gives what is kept back to the device.
void release_kept(DeviceState& device) {
  for (auto& [stream, blocks] : device.kept) {
    for (const auto& block : blocks) {
      madvise(host_address(block->pointer), size_t((block->bytes + kPage - 1) / kPage * kPage),
              MADV_DONTNEED);
      change(device.stats.reserved_bytes, -block->bytes);
    }
  }
  device.kept.clear();
}

/// The private pool that memory for the stream comes from.
PoolNumber pool_for(const DeviceState& device, const StreamKey& stream) {
  for (const auto& [number, pool] : device.pools) {
    if (pool.takes && pool.takes(stream)) return number;
  }
  return 0;
}

bool is_any_recorded(const DeviceState& device) {
  return std::ranges::any_of(device.pools, [](const auto& pool) { return bool(pool.second.takes); });
}

/// NaN, to be seen where nothing is written.
void spoil(const Block& block) {
  constexpr int64_t kOnlyCounted = int64_t{1} << 30;  // whose pages are left untouched
  if (block.bytes < kOnlyCounted) std::memset(host_address(block.pointer), 0xff, size_t(block.bytes));
}

[[noreturn]] void throw_out_of_memory(int index, const DeviceState& device, int64_t bytes) {
  const auto& stats = device.stats;
  const int64_t reserved = stats.reserved_bytes[0].current, allocated = stats.allocated_bytes[0].current;
  const auto mib = [](int64_t size) { return fmt::format("{:.2f} MiB", double(size) / (1 << 20)); };
  TORCH_CHECK_WITH(
      OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", mib(bytes), ". GPU ", index,
      " has a total capacity of ", mib(device.made.bytes), " of which ", mib(free_bytes(device)),
      " is free. Of the allocated memory ", mib(allocated), " is allocated by PyTorch, and ",
      mib(reserved - allocated),
      " is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
      "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.");
}

/// As LibTorch's own does: who counts memory may listen.
void tell_profiler(void* pointer, int64_t bytes, int device) {
  c10::reportMemoryUsageToProfiler(pointer, bytes, 0, 0, c10::Device(c10::kCUDA, c10::DeviceIndex(device)));
}

std::unique_ptr<Block> kept_block(std::vector<std::unique_ptr<Block>>& kept, int64_t bytes) {
  const auto best = std::ranges::min_element(kept, {}, [&](const auto& block) {
    return block->bytes < bytes ? std::numeric_limits<int64_t>::max() : block->bytes;
  });
  // A much larger block is left for what needs it: none is split here.
  if (best == kept.end() || (*best)->bytes < bytes || (*best)->bytes > bytes + bytes / 4 + kRounding)
    return nullptr;
  std::unique_ptr<Block> block = std::move(*best);
  kept.erase(best);
  return block;
}

Block* new_block(int index, int64_t asked) {
  const StreamKey stream = key_of(current_stream(index));
  const int64_t bytes = (asked + kRounding - 1) / kRounding * kRounding;
  Block* result = nullptr;
  {
    const std::lock_guard lock(state().mutex);
    DeviceState& device = state().devices.at(size_t(index));
    const int64_t n = ++device.allocations;
    if (n >= device.first_failing && n <= device.last_failing) throw_out_of_memory(index, device, asked);
    const PoolNumber pool = pool_for(device, stream);
    std::unique_ptr<Block> block = kept_block(pool ? device.pools[pool].kept : device.kept[stream], bytes);
    if (!block) {
      const auto allowed = int64_t(device.fraction * double(device.made.bytes));
      const int64_t most = std::min(allowed, device.made.bytes - device.made.others_bytes);
      const auto& reserved = device.stats.reserved_bytes[0].current;
      // While a graph is recorded nothing is given back, for that would wait for the device.
      if (reserved + bytes > most && !is_any_recorded(device)) release_kept(device);
      if (reserved + bytes > most) throw_out_of_memory(index, device, asked);
      TORCH_CHECK(device.fresh + bytes < kAddresses, "The stand-in has no more addresses.");
      block = std::make_unique<Block>();
      block->device = index;
      block->pool = pool;
      block->pointer = reinterpret_cast<char*>(kDeviceBase) + index * kAddresses + device.fresh;
      block->bytes = bytes;
      device.fresh += (bytes + 2 * kPage - 1) / kPage * kPage;  // a page at least between blocks
      change(device.stats.reserved_bytes, bytes);
    }
    block->stream = stream;
    block->number = ++state().blocks_given;
    change(device.stats.allocated_bytes, block->bytes);
    change(device.stats.allocation, 1);
    result = block.get();
    device.blocks[result->pointer] = std::move(block);
  }
  tell_profiler(result->pointer, result->bytes, index);
  spoil(*result);
  return result;
}

/// Under which memory of pools that are gone is kept: no stream gets it.
StreamKey no_stream(int device) { return {device, -1}; }

void free_block(void* pointer) {
  if (!pointer) return;
  std::unique_lock lock(state().mutex);
  const Block* const block = block_at(pointer);
  const int index = block->device;
  const int64_t bytes = block->bytes;
  DeviceState& device = state().devices.at(size_t(index));
  const auto found = device.blocks.find(static_cast<char*>(pointer));
  std::unique_ptr<Block> owned = std::move(found->second);
  device.blocks.erase(found);
  if (!device.lost) note_free(*owned);
  change(device.stats.allocated_bytes, -owned->bytes);
  change(device.stats.allocation, -1);
  owned->write.reset();
  owned->reads.clear();
  owned->recorded.clear();
  owned->came_from_host = false;
  const auto pool = device.pools.find(owned->pool);
  auto& kept = pool == device.pools.end() ? device.kept[owned->pool ? no_stream(index) : owned->stream]
                                          : pool->second.kept;
  kept.push_back(std::move(owned));
  lock.unlock();
  tell_profiler(pointer, -bytes, index);
}

c10::Allocator* g_cpu = nullptr;  // the CPU's own

/// Where memory of the CPU's tensors begins.
struct HostBlocks {
  std::mutex mutex;
  std::unordered_set<const void*> all;
};
HostBlocks& host_blocks() {
  static HostBlocks& blocks = *new HostBlocks;
  return blocks;
}

void free_of_host(void* pointer) {
  {
    const std::lock_guard lock(host_blocks().mutex);
    host_blocks().all.erase(pointer);
  }
  g_cpu->raw_deleter()(pointer);
}

c10::DataPtr allocate_for_host(size_t bytes) {
  c10::DataPtr block = g_cpu->allocate(bytes);
  if (block.get() != block.get_context() || !block) return block;
  const std::lock_guard lock(host_blocks().mutex);
  host_blocks().all.insert(block.get());
  void* const pointer = block.release_context();
  return {pointer, pointer, &free_of_host, c10::Device(c10::kCPU)};
}

/// Memory of the host that is said to be pinned.
struct PinnedBlocks final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* const pointer = std::malloc(std::max<size_t>(bytes, 1));
    const std::lock_guard lock(mutex);
    all.insert(pointer);
    return {pointer, pointer, &free, c10::Device(c10::kCPU)};
  }
  static void free(void* pointer);
  c10::DeleterFnPtr raw_deleter() const override { return &free; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }

  std::mutex mutex;
  std::unordered_set<const void*> all;
};
PinnedBlocks& pinned_blocks() {
  static PinnedBlocks& blocks = *new PinnedBlocks;
  return blocks;
}

void PinnedBlocks::free(void* pointer) {
  {
    const std::lock_guard lock(pinned_blocks().mutex);
    pinned_blocks().all.erase(pointer);
  }
  std::free(pointer);
}

/// Frees what Temporaries gave.
void free_temporary(void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (address < kHostBase || address >= kHostBase + uintptr_t(kMostDevices * kAddresses))
    return free_of_host(pointer);
  free_block(reinterpret_cast<void*>(address - kHostBase + kDeviceBase));
}

c10::DataPtr device_pointer(char* pointer, int device) {
  return {pointer, pointer, &free_block, c10::Device(c10::kCUDA, c10::DeviceIndex(device))};
}

/// Of the class that libtorch_cuda registers, for who sets a limit by it.
class Allocator final : public c10::cuda::CUDACachingAllocator::CUDAAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const int device = current_device();
    if (bytes == 0) return device_pointer(nullptr, device);
    check_device(device);
    return device_pointer(new_block(device, int64_t(bytes))->pointer, device);
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(host_address(to), host_address(from), bytes);
  }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {
    const std::lock_guard lock(state().mutex);
    for (DeviceState& device : state().devices) {
      if (device.lost && !device.kept.empty()) throw_lost(device);  // and the later ones keep theirs
      release_kept(device);
    }
  }
  void recordStream(const c10::DataPtr& pointer, c10::Stream stream) override {
    const std::lock_guard lock(state().mutex);
    if (Block* const block = block_at(pointer.get())) block->recorded.insert(key_of(stream));
  }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    const std::lock_guard lock(state().mutex);
    return state().devices.at(size_t(device)).stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  double getMemoryFraction(c10::DeviceIndex device) override {
    const std::lock_guard lock(state().mutex);
    return state().devices.at(size_t(device)).fraction;
  }
  void setMemoryFraction(double fraction, c10::DeviceIndex device) override {
    const std::lock_guard lock(state().mutex);
    state().devices.at(size_t(device)).fraction = fraction;
  }
  std::string name() override { return "fake_cuda"; }
  void init(int) override {}
  void enable(bool) override {}
  bool isEnabled() const override { return true; }
  void recordStream(const c10::DataPtr& pointer, c10::cuda::CUDAStream stream) override {
    recordStream(pointer, stream.unwrap());
  }

  using Index = c10::DeviceIndex;
  using PoolId = c10::MempoolId_t;
  void beginAllocateToPool(Index index, PoolId id, std::function<bool(cudaStream_t)> takes) override {
    const std::lock_guard lock(state().mutex);
    auto& pool = state().devices.at(size_t(index)).pools[number_of(id)];
    TORCH_CHECK(!pool.takes, "beginAllocateToPool: already recording to mempool_id");
    pool.takes = [takes = std::move(takes)](const StreamKey& key) {
      const c10::Device device(c10::kCUDA, Index(key.first));
      return takes(
          static_cast<cudaStream_t>(c10::Stream(c10::Stream::UNSAFE, device, key.second).native_handle()));
    };
  }
  /// Nothing of what was recorded has been computed.
  void endAllocateToPool(Index index, PoolId id) override {
    const std::lock_guard lock(state().mutex);
    DeviceState& device = state().devices.at(size_t(index));
    const auto pool = device.pools.find(number_of(id));
    TORCH_CHECK(pool != device.pools.end() && pool->second.takes,
                "endAllocatePool: not currently recording to mempool_id");
    pool->second.takes = nullptr;
    for (const auto& block : pool->second.kept) spoil(*block);
    for (const auto& [pointer, block] : device.blocks) {
      if (block->pool == pool->first) spoil(*block);
    }
  }
  /// Its memory goes back to the device when that has to have some.
  void releasePool(Index index, PoolId id) override {
    const std::lock_guard lock(state().mutex);
    DeviceState& device = state().devices.at(size_t(index));
    const auto pool = device.pools.find(number_of(id));
    TORCH_CHECK(pool != device.pools.end(), "releasePool: there is no such pool");
    auto& kept = device.kept[no_stream(index)];
    for (auto& block : pool->second.kept) kept.push_back(std::move(block));
    device.pools.erase(pool);
  }

  // What nobody asks of the stand-in.
  void* raw_alloc(size_t) override { refuse(); }
  void* raw_alloc_with_stream(size_t, cudaStream_t) override { refuse(); }
  void raw_delete(void*) override { refuse(); }
  std::vector<cuda_allocator::StreamSegmentSize> getExpandableSegmentSizes(Index) override { refuse(); }
  void cacheInfo(Index, size_t*) override { refuse(); }
  void* getBaseAllocation(void*, size_t*) override { refuse(); }
  cuda_allocator::SnapshotInfo snapshot(PoolId, bool) override { refuse(); }
  cuda_allocator::ShareableHandle shareIpcHandle(void*) override { refuse(); }
  std::shared_ptr<void> getIpcDevPtr(std::string) override { refuse(); }
  void recordHistory(bool, cuda_allocator::CreateContextFn, size_t, cuda_allocator::RecordContext, bool,
                     const std::vector<std::string>&) override {
    refuse();
  }
  void attachOutOfMemoryObserver(cuda_allocator::OutOfMemoryObserver) override { refuse(); }
  void attachAllocatorTraceTracker(cuda_allocator::AllocatorTraceTracker) override { refuse(); }
  // No pair has access to each other's memory.
  void enablePeerAccess(Index, Index) override { refuse(); }
  cudaError_t memcpyAsync(void*, int, const void*, int, size_t, cudaStream_t, bool) override { refuse(); }
  std::shared_ptr<cuda_allocator::AllocatorState> getCheckpointState(Index, PoolId) override { refuse(); }
  cuda_allocator::CheckpointDelta setCheckpointPoolState(
      Index, std::shared_ptr<cuda_allocator::AllocatorState>) override {
    refuse();
  }

  void resetPeakStats(c10::DeviceIndex device) override {
    const std::lock_guard lock(state().mutex);
    auto& stats = state().devices.at(size_t(device)).stats;
    for (auto* all : {&stats.allocated_bytes, &stats.reserved_bytes}) {
      for (auto& stat : *all) stat.reset_peak();
    }
  }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex index) override {
    const std::lock_guard lock(state().mutex);
    const DeviceState& device = state().devices.at(size_t(index));
    return {size_t(free_bytes(device)), size_t(device.made.bytes)};
  }

 private:
  static PoolNumber number_of(PoolId id) { return id.first ? id.first : (uint64_t{1} << 63) + id.second; }
  [[noreturn]] static void refuse() { TORCH_CHECK(false, "The stand-in's allocator cannot do that."); }
};

/// In front of the CPU's allocator; see AllocateOn.
class Temporaries final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (t_device < 0 || bytes == 0) return allocate_for_host(bytes);
    char* const address = host_address(new_block(t_device, int64_t(bytes))->pointer);
    return {address, address, &free_temporary, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_temporary; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

Allocator g_allocator;

const bool g_registered = [] {
  map_addresses();
  c10::SetAllocator(c10::kCUDA, &g_allocator);
  return true;
}();

}  // namespace

char* host_address(const void* device_pointer) {
  if (!device_pointer) return nullptr;
  return reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(device_pointer) - kDeviceBase + kHostBase);
}

bool is_device_address(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  return address >= kDeviceBase && address < kDeviceBase + uintptr_t(kMostDevices * kAddresses);
}

bool is_tensor_of_host(const void* pointer) {
  const std::lock_guard lock(host_blocks().mutex);
  return host_blocks().all.contains(pointer);
}

std::optional<c10::DataPtr> device_part(c10::DataPtr&& temporary) {
  if (temporary.get_deleter() != &free_temporary) return std::nullopt;
  const auto address = reinterpret_cast<uintptr_t>(temporary.release_context());
  char* const pointer = reinterpret_cast<char*>(address - kHostBase + kDeviceBase);
  return device_pointer(pointer, int((address - kHostBase) / uintptr_t(kAddresses)));
}

c10::DeviceAllocator* allocator() { return &g_allocator; }

c10::Allocator* pinned_allocator() { return &pinned_blocks(); }

bool is_pinned(const void* pointer) {
  const std::lock_guard lock(pinned_blocks().mutex);
  return pinned_blocks().all.contains(pointer);
}

AllocateOn::AllocateOn(int device) : before_(std::exchange(t_device, device)) {
  // Not earlier: whoever else takes the place of the CPU's allocator has done so by now.
  static const bool installed = [] {
    constexpr uint8_t kAboveAll = 255;
    g_cpu = c10::GetCPUAllocator();
    c10::SetCPUAllocator(new Temporaries, kAboveAll);
    return true;
  }();
  static_cast<void>(installed);
}

AllocateOn::~AllocateOn() { t_device = before_; }

void set_devices(const std::vector<Device>& devices, const Driver& driver) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  TORCH_CHECK(!devices.empty() && devices.size() <= kMostDevices, "The stand-in has 1 to 8 devices.");
  for (DeviceState& device : all.devices) {
    TORCH_CHECK(device.blocks.empty() && device.pools.empty(),
                "A tensor or a graph of the stand-in's devices is still there.");
    release_kept(device);
  }
  std::vector<DeviceState> made(devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    made[i].made = devices[i];
    if (i < all.devices.size()) made[i].fresh = all.devices[i].fresh;
  }
  all.devices = std::move(made);
  all.driver = driver;
  all.streams.clear();
  all.host = {};
  all.findings.clear();
  all.recordings.clear();
}

void fail_allocation(int device, int64_t n, int64_t times) {
  const std::lock_guard lock(state().mutex);
  DeviceState& failing = state().devices.at(size_t(device));
  failing.first_failing = failing.allocations + n;
  failing.last_failing = failing.first_failing + times - 1;
}

int64_t allocations(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).allocations;
}

int64_t limit_bytes(int device) {
  const std::lock_guard lock(state().mutex);
  const DeviceState& of = state().devices.at(size_t(device));
  return std::llround(of.fraction * double(of.made.bytes));
}

void hold_for_others(int device, int64_t bytes) {
  const std::lock_guard lock(state().mutex);
  state().devices.at(size_t(device)).made.others_bytes = bytes;
}

int64_t allocated_bytes(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).stats.allocated_bytes[0].current;
}

}  // namespace fake_cuda

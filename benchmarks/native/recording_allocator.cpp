#include "benchmarks/native/recording_allocator.h"

#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include "runtime/torch/counting_allocator.h"

namespace relievo {
namespace {

std::mutex g_mutex;
bool g_recording = false;
std::vector<MemoryEvent> g_events;
int64_t g_blocks = 0;
std::unordered_map<void*, int64_t>& recorded_blocks() {  // by address; never destroyed, for torch frees late
  static auto* const blocks = new std::unordered_map<void*, int64_t>;
  return *blocks;
}
c10::Allocator* g_below = nullptr;

void free_block(void* data) {
  {
    const std::lock_guard lock(g_mutex);
    const auto found = recorded_blocks().find(data);
    if (found != recorded_blocks().end()) {
      if (g_recording) g_events.push_back({found->second, 0});
      recorded_blocks().erase(found);
    }
  }
  g_below->raw_deleter()(data);
}

class RecordingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* const data = g_below->allocate(bytes).release_context();
    const std::lock_guard lock(g_mutex);
    if (data && g_recording && thread_account()) {
      g_events.push_back({++g_blocks, int64_t(bytes)});
      recorded_blocks()[data] = g_blocks;
    }
    return {data, data, &free_block, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

}  // namespace

void start_recording() {
  install_counting_allocator();
  const std::lock_guard lock(g_mutex);
  if (!g_below) {
    constexpr uint8_t kAboveTheCountingOne = 101;
    g_below = c10::GetCPUAllocator();
    c10::SetCPUAllocator(new RecordingAllocator, kAboveTheCountingOne);
  }
  g_events.clear();
  g_recording = true;
}

std::vector<MemoryEvent> stop_recording() {
  const std::lock_guard lock(g_mutex);
  g_recording = false;
  return std::exchange(g_events, {});
}

}  // namespace relievo

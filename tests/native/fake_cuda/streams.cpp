#include <array>
#include <atomic>

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "state.h"

namespace fake_cuda {
namespace {

constexpr int kStreamsInPool = 32;  // as LibTorch has

thread_local int t_current = 0;
thread_local std::map<int, int64_t> t_streams;  // by device; none: the default stream

std::atomic<int64_t> g_next_stream{0};

c10::Device device_at(int index) { return {c10::kCUDA, c10::DeviceIndex(index)}; }
c10::Stream stream_at(int device, int64_t number) {
  return c10::Stream(c10::Stream::UNSAFE, device_at(device), number);
}

struct Event {
  Clock clock;
  bool is_recorded = false;
};

int checked(c10::Device device) {
  const int index = device.has_index() ? device.index() : t_current;
  const std::lock_guard lock(state().mutex);
  TORCH_CHECK(index >= 0 && size_t(index) < state().devices.size(), "CUDA error: invalid device ordinal");
  return index;
}

class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device device) const override {
    return device_at(std::exchange(t_current, checked(device)));
  }
  c10::Device getDevice() const override { return device_at(t_current); }
  void setDevice(c10::Device device) const override { t_current = checked(device); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { t_current = device.index(); }
  c10::Stream getStream(c10::Device device) const override { return current_stream(checked(device)); }
  c10::Stream getDefaultStream(c10::Device device) const override { return stream_at(checked(device), 0); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return stream_at(checked(device), 1 + g_next_stream++ % kStreamsInPool);
  }
  c10::Stream getNewStream(c10::Device device, int) const override {
    return stream_at(checked(device), kStreamsInPool + 1 + g_next_stream++);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    const c10::Stream before = current_stream(stream.device_index());
    t_streams[stream.device_index()] = stream.id();
    return before;
  }
  void* getStreamNativeHandle(const c10::Stream stream) const override {
    static std::mutex mutex;
    static auto& handles = *new std::map<StreamKey, std::unique_ptr<StreamKey>>;
    const std::lock_guard lock(mutex);
    auto& handle = handles[key_of(stream)];
    if (!handle) handle = std::make_unique<StreamKey>(key_of(stream));
    return handle.get();
  }
  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override {
    delete static_cast<Event*>(event);
  }
  void record(void** event, const c10::Stream& stream, const c10::DeviceIndex,
              const c10::EventFlag) const override {
    check_device(stream.device_index());
    refuse_while_recording();  // graphs of the stand-in hold no events
    if (!*event) *event = new Event;
    const std::lock_guard lock(state().mutex);
    begin_step(key_of(stream));
    auto& recorded = *static_cast<Event*>(*event);
    recorded.clock = state().streams[key_of(stream)];
    recorded.is_recorded = true;
  }
  void block(void* event, const c10::Stream& stream) const override {
    if (!event) return;
    const std::lock_guard lock(state().mutex);
    state().streams[key_of(stream)].join(static_cast<Event*>(event)->clock);
  }
  bool queryEvent(void* event) const override {
    synchronizeEvent(event);
    return true;
  }
  void synchronizeEvent(void* event) const override {
    if (!event) return;
    refuse_while_recording();
    const std::lock_guard lock(state().mutex);
    state().host.join(static_cast<Event*>(event)->clock);
  }
  c10::DeviceIndex deviceCount() const noexcept override {
    const std::lock_guard lock(state().mutex);
    return c10::DeviceIndex(state().devices.size());
  }
  bool queryStream(const c10::Stream& stream) const override {
    check_device(stream.device_index());
    refuse_while_recording();
    return true;
  }
  void synchronizeStream(const c10::Stream& stream) const override { synchronize(key_of(stream)); }
  void synchronizeDevice(const c10::DeviceIndex device) const override {
    check_device(device);
    refuse_while_recording();
    const std::lock_guard lock(state().mutex);
    for (const auto& [stream, clock] : state().streams) {
      if (stream.first == device) state().host.join(clock);
    }
  }
  void recordDataPtrOnStream(const c10::DataPtr& pointer, const c10::Stream& stream) const override {
    allocator()->recordStream(pointer, stream);
  }
};

C10_REGISTER_GUARD_IMPL(CUDA, Guard)

}  // namespace

State& state() {
  static State& all = *new State;  // tensors may outlive everything else
  return all;
}

int current_device() { return t_current; }

c10::Stream current_stream(int device) {
  const auto found = t_streams.find(device);
  return stream_at(device, found == t_streams.end() ? 0 : found->second);
}

StreamKey key_of(const c10::Stream& stream) { return {stream.device_index(), stream.id()}; }

StreamProgress stream_progress(int device) {
  const std::lock_guard lock(state().mutex);
  StreamProgress progress;
  for (const auto& [stream, clock] : state().streams) {
    if (stream.first != device) continue;
    progress.given += int64_t(clock[stream]);
    progress.awaited += int64_t(state().host[stream]);
  }
  return progress;
}

void synchronize(const StreamKey& stream) {
  check_device(stream.first);
  refuse_while_recording();
  const std::lock_guard lock(state().mutex);
  state().host.join(state().streams[stream]);
}

}  // namespace fake_cuda

#include "runtime/torch/slot_hooks.h"

#include <map>
#include <memory>
#include <mutex>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/parallel.h"
#include "runtime/torch/counting_allocator.h"
#include "runtime/torch/device_memory.h"

namespace relievo {
namespace {

c10::Device device_of(const Slot& slot) { return {c10::kCUDA, c10::DeviceIndex(slot.device)}; }

struct Accounts {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<MemoryAccount>> by_slot;

  std::shared_ptr<MemoryAccount> of(const Slot& slot) {
    const std::lock_guard lock(mutex);
    auto& account = by_slot[slot.name];
    if (!account) account = std::make_shared<MemoryAccount>(slot.name, slot.budget_bytes);
    return account;
  }
};

/// When oneDNN's product of two matrices runs out of memory, torch (2.11, LinearAlgebra.cpp) catches that,
/// turns oneDNN off for the whole process, and goes on without it: slower for good, and with other bits. Such
/// a call has run out of memory like any other. (Another slot's call of that moment may get some products the
/// other way: equal but for rounding.)
void refuse_to_go_on_without_onednn() {
  if (!take_refusal() || at::globalContext().userEnabledMkldnn()) return;
  at::globalContext().setUserEnabledMkldnn(true);
  TORCH_CHECK_WITH(OutOfMemoryError, false, "A product of matrices ran out of memory.");
}

}  // namespace

SlotHooks make_slot_hooks() {
  install_counting_allocator();
  const auto accounts = std::make_shared<Accounts>();
  SlotHooks hooks;
  hooks.enter = [accounts](const Slot& slot) {
    at::get_num_threads();  // else torch's first parallel operator here takes the number that was set last
    at::set_num_threads(slot.threads);
    set_parallel_threads(slot.threads);
    if (slot.kind == SlotKind::kCuda) {
      at::globalContext().lazyInitDevice(c10::kCUDA);  // the allocator has no counters before
      const c10::impl::VirtualGuardImpl cuda(c10::kCUDA);
      cuda.setDevice(device_of(slot));
      // Of its own, so that slots of one GPU, and copies and kernels of one slot, run at the same time.
      cuda.exchangeStream(cuda.getStreamFromGlobalPool(device_of(slot)));
    } else {
      set_thread_account(accounts->of(slot));
    }
  };
  hooks.finish = [has_onednn = at::globalContext().userEnabledMkldnn()](const Slot& slot) {
    if (slot.kind != SlotKind::kCuda) {
      if (has_onednn) refuse_to_go_on_without_onednn();
      return;
    }
    const c10::impl::VirtualGuardImpl cuda(c10::kCUDA);
    cuda.synchronizeStream(cuda.getStream(device_of(slot)));
  };
  hooks.release_cache = [](const Slot& slot) {
    if (slot.kind == SlotKind::kCuda) c10::getDeviceAllocator(c10::kCUDA)->emptyCache();
  };
  hooks.take_peak = [accounts](const Slot& slot) -> int64_t {
    if (slot.kind != SlotKind::kCuda) return accounts->of(slot)->take_peak();
    const auto memory = device_memory(slot.device);
    c10::getDeviceAllocator(c10::kCUDA)->resetPeakStats(c10::DeviceIndex(slot.device));
    return memory ? memory->peak_allocated_bytes : 0;
  };
  hooks.fragmentation = [](const Slot& slot) -> std::optional<double> {
    if (slot.kind != SlotKind::kCuda) return std::nullopt;
    const auto memory = device_memory(slot.device);
    return memory ? std::optional(memory->fragmentation()) : std::nullopt;
  };
  return hooks;
}

}  // namespace relievo

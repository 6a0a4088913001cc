#include "runtime/torch/worker_hooks.h"

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

c10::Device device_of(const Worker& worker) { return {c10::kCUDA, c10::DeviceIndex(worker.device)}; }

struct Accounts {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<MemoryAccount>> by_worker;

  std::shared_ptr<MemoryAccount> of(const Worker& worker) {
    const std::lock_guard lock(mutex);
    auto& account = by_worker[worker.name];
    if (!account) account = std::make_shared<MemoryAccount>(worker.name, worker.budget_bytes);
    return account;
  }
};

/// When oneDNN's product of two matrices runs out of memory, torch (2.11, LinearAlgebra.cpp) catches that,
/// turns oneDNN off for the whole process, and goes on without it: slower for good, and with results that are
/// not the same to the bit. Such a call is therefore treated as out of memory like any other. (Another
/// worker's call at that moment may compute some products the other way, which are equal except for
/// rounding.)
void refuse_to_go_on_without_onednn() {
  if (!take_refusal() || at::globalContext().userEnabledMkldnn()) return;
  at::globalContext().setUserEnabledMkldnn(true);
  TORCH_CHECK_WITH(OutOfMemoryError, false, "A product of matrices ran out of memory.");
}

}  // namespace

WorkerHooks make_worker_hooks() {
  install_counting_allocator();
  const auto accounts = std::make_shared<Accounts>();
  WorkerHooks hooks;
  hooks.enter = [accounts](const Worker& worker) {
    // Otherwise torch's first parallel operator on this thread takes the number that was set last.
    at::get_num_threads();
    at::set_num_threads(worker.threads);
    set_parallel_threads(worker.threads);
    if (worker.kind == DeviceKind::kCuda) {
      at::globalContext().lazyInitDevice(c10::kCUDA);  // the allocator has no counters before
      const c10::impl::VirtualGuardImpl cuda(c10::kCUDA);
      cuda.setDevice(device_of(worker));
      // Each thread has a stream of its own, so that workers of one GPU, and copies and kernels of one
      // worker, run at the same time.
      cuda.exchangeStream(cuda.getStreamFromGlobalPool(device_of(worker)));
    } else {
      set_thread_account(accounts->of(worker));
    }
  };
  hooks.finish = [has_onednn = at::globalContext().userEnabledMkldnn()](const Worker& worker) {
    if (worker.kind != DeviceKind::kCuda) {
      if (has_onednn) refuse_to_go_on_without_onednn();
      return;
    }
    const c10::impl::VirtualGuardImpl cuda(c10::kCUDA);
    cuda.synchronizeStream(cuda.getStream(device_of(worker)));
  };
  hooks.release_cache = [](const Worker& worker) {
    if (worker.kind == DeviceKind::kCuda) c10::getDeviceAllocator(c10::kCUDA)->emptyCache();
  };
  hooks.take_peak = [accounts](const Worker& worker) -> int64_t {
    if (worker.kind != DeviceKind::kCuda) return accounts->of(worker)->take_peak();
    const auto memory = device_memory(worker.device);
    c10::getDeviceAllocator(c10::kCUDA)->resetPeakStats(c10::DeviceIndex(worker.device));
    return memory ? memory->peak_allocated_bytes : 0;
  };
  hooks.fragmentation = [](const Worker& worker) -> std::optional<double> {
    if (worker.kind != DeviceKind::kCuda) return std::nullopt;
    const auto memory = device_memory(worker.device);
    return memory ? std::optional(memory->fragmentation()) : std::nullopt;
  };
  return hooks;
}

}  // namespace relievo

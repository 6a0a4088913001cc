#include "runtime/torch/worker_hooks.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/parallel.h"
#include "base/resident_memory.h"
#include "runtime/machine/machine.h"
#include "runtime/torch/counting_allocator.h"
#include "runtime/torch/device_memory.h"
#include "runtime/torch/gpu_account.h"

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

/// The streams that no thread has, by device.
class StreamPool {
 public:
  c10::Stream take(const c10::impl::VirtualGuardImpl& cuda, c10::Device device) {
    const std::lock_guard lock(mutex_);
    std::vector<c10::Stream>& free = free_[device.index()];
    if (free.empty()) return cuda.getStreamFromGlobalPool(device);
    const c10::Stream stream = free.back();
    free.pop_back();
    return stream;
  }
  void give_back(const c10::Stream& stream) {
    const std::lock_guard lock(mutex_);
    free_[stream.device_index()].push_back(stream);
  }

 private:
  std::mutex mutex_;
  std::map<c10::DeviceIndex, std::vector<c10::Stream>> free_;
};

/// The pool is never destroyed, because threads may end after everything else.
StreamPool& streams() {
  static auto* const pool = new StreamPool;
  return *pool;
}

struct ThreadStream {
  ~ThreadStream() {
    if (stream) streams().give_back(*stream);
  }
  std::optional<c10::Stream> stream;
};
thread_local ThreadStream t_stream;

/// The budgets that the workers of one executor have on GPUs, as long as this lives. A GPU's limit is what
/// all executors of the process may take of it together.
class GpuBudgets {
 public:
  explicit GpuBudgets(const std::vector<Worker>& workers) {
    for (const Worker& worker : workers) {
      if (worker.kind == DeviceKind::kCuda) set(worker, worker.budget_bytes);
    }
  }
  ~GpuBudgets() {
    const std::lock_guard lock(all().mutex);
    for (const auto& [name, budget] : own_) all().by_gpu[budget.device] -= budget.bytes;
  }
  GpuBudgets(const GpuBudgets&) = delete;
  GpuBudgets& operator=(const GpuBudgets&) = delete;

  void set(const Worker& worker, int64_t bytes) {
    const std::lock_guard lock(all().mutex);
    Budget& budget = own_[worker.name];
    all().by_gpu[worker.device] += bytes - budget.bytes;
    budget = {worker.device, bytes};
  }

  /// Nothing where this executor has no budget on the GPU.
  std::optional<int64_t> limit(int device) const {
    const std::lock_guard lock(all().mutex);
    const bool is_ours =
        std::ranges::any_of(own_, [&](const auto& own) { return own.second.device == device; });
    return is_ours ? std::optional(all().by_gpu[device]) : std::nullopt;
  }

 private:
  struct Budget {
    int device = 0;
    int64_t bytes = 0;
  };
  struct All {
    std::mutex mutex;  // guards own_, too
    std::map<int, int64_t> by_gpu;
  };
  static All& all() {
    static auto* const budgets = new All;  // executors may end after everything else
    return *budgets;
  }

  std::map<std::string, Budget> own_;  // by worker
};

/// What the process can have of a worker's device in all: what is free, and what it holds. Memory that it
/// held before there were workers is not theirs.
std::optional<int64_t> bytes_of_device(const Worker& worker, int64_t held_before) {
  if (worker.kind == DeviceKind::kCuda) {
    const auto share = device_share(worker.device);
    return share ? std::optional(share->free_bytes + share->own_bytes) : std::nullopt;
  }
  const int64_t free = free_processor_bytes();
  return free > 0 ? std::optional(free + std::max<int64_t>(0, anonymous_bytes() - held_before))
                  : std::nullopt;
}

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

WorkerHooks make_worker_hooks(const std::vector<Worker>& workers) {
  install_counting_allocator();
  const auto accounts = std::make_shared<Accounts>();
  const auto budgets = std::make_shared<GpuBudgets>(workers);
  WorkerHooks hooks;
  hooks.enter = [accounts, budgets](const Worker& worker) {
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
      if (!t_stream.stream) t_stream.stream = streams().take(cuda, device_of(worker));
      cuda.exchangeStream(*t_stream.stream);
      set_thread_gpu_account(accounts->of(worker));
      if (const auto limit = budgets->limit(worker.device)) limit_device_memory(worker.device, *limit);
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
    if (worker.kind != DeviceKind::kCuda) return;
    const auto memory = device_memory(worker.device);
    if (memory && memory->reserved_bytes > memory->allocated_bytes) {
      c10::getDeviceAllocator(c10::kCUDA)->emptyCache();
    }
  };
  hooks.memory = [accounts, budgets, held_before = anonymous_bytes()](const Worker& worker) {
    const auto account = accounts->of(worker);
    const auto bytes = worker.follows_memory ? bytes_of_device(worker, held_before) : std::nullopt;
    const int64_t before = account->budget(), now = bytes ? *bytes / worker.shares : before;
    // What changes less comes and goes by itself.
    constexpr int64_t kWorthwhile = 32;
    if (std::abs(now - before) > before / kWorthwhile) {
      account->set_budget(now);
      if (worker.kind == DeviceKind::kCuda) {
        budgets->set(worker, now);
        if (const auto limit = budgets->limit(worker.device)) limit_device_memory(worker.device, *limit);
      }
    }
    return MemoryNow{account->budget(), account->used()};
  };
  hooks.take_peak = [accounts](const Worker& worker) { return accounts->of(worker)->take_peak(); };
  hooks.fragmentation = [](const Worker& worker) -> std::optional<double> {
    if (worker.kind != DeviceKind::kCuda) return std::nullopt;
    const auto memory = device_memory(worker.device);
    return memory ? std::optional(memory->fragmentation()) : std::nullopt;
  };
  return hooks;
}

}  // namespace relievo

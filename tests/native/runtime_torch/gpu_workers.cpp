// Workers on GPUs that are not there: what torch asks of CUDA is answered by stand-ins.
#include <set>
#include <thread>

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <gtest/gtest.h>

#include "runtime/execute/device_thread.h"
#include "runtime/torch/device_memory.h"
#include "runtime/torch/gpu_account.h"
#include "runtime/torch/worker_hooks.h"

namespace relievo {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr auto kCuda = static_cast<size_t>(c10::DeviceType::CUDA);

/// Under the name that torch looks for.
struct CUDAHooks : at::CUDAHooksInterface {
  explicit CUDAHooks(at::CUDAHooksArgs) {}
  void init() const override {}
};
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks);

/// Two GPUs that number their streams.
class StandInGpus final : public c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA> {
 public:
  StandInGpus() { c10::impl::device_guard_impl_registry[kCuda] = this; }
  ~StandInGpus() override { c10::impl::device_guard_impl_registry[kCuda] = nullptr; }

  c10::Device getDevice() const override { return {c10::kCUDA, 0}; }
  c10::DeviceIndex deviceCount() const noexcept override { return 2; }
  c10::Stream getStream(c10::Device gpu) const noexcept override {
    return c10::Stream(c10::Stream::UNSAFE, gpu, 0);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device gpu, bool) const override {
    static std::atomic<int64_t> number = 0;  // which streams of earlier tests have, too
    ++taken;
    return c10::Stream(c10::Stream::UNSAFE, gpu, ++number);
  }
  c10::Stream exchangeStream(c10::Stream stream) const noexcept override {
    const std::lock_guard lock(mutex_);
    used.insert({stream.device_index(), stream.id()});
    return stream;
  }
  void synchronizeStream(const c10::Stream&) const override {}

  mutable std::atomic<int> taken = 0;
  mutable std::set<std::pair<int, int64_t>> used;

 private:
  mutable std::mutex mutex_;
};

/// An allocator that gives nothing, with counters.
class StandInAllocator final : public c10::DeviceAllocator {
 public:
  StandInAllocator() { c10::SetAllocator(c10::kCUDA, this); }
  ~StandInAllocator() override { c10::SetAllocator(c10::kCUDA, nullptr); }

  c10::DataPtr allocate(size_t) override { return {}; }
  void copy_data(void*, const void*, size_t) const override {}
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override { ++emptied; }
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0].current = 10 * kMiB;
    stats.reserved_bytes[0].current = (device == 0 ? 10 : 30) * kMiB;
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {}

  int emptied = 0;
};

Worker gpu_worker(const char* name, int device) {
  Worker worker;
  worker.name = name;
  worker.kind = DeviceKind::kCuda;
  worker.device = device;
  worker.budget_bytes = 100 * kMiB;
  return worker;
}

/// As torch's caching allocator tells of a block that it gives, or takes back (negative).
void report(int64_t at, int64_t bytes, c10::Device device = {c10::kCUDA, 0}) {
  c10::reportMemoryUsageToProfiler(reinterpret_cast<void*>(at), bytes, 0, 0, device);
}

TEST(GpuWorkers, EachPartHasAnAccountOfItsOwn) {
  const StandInGpus gpus;
  const WorkerHooks hooks = make_worker_hooks();
  const Worker first = gpu_worker("cuda:0#0", 0), second = gpu_worker("cuda:0#1", 0);
  WorkerThread one(first, hooks), other(second, hooks);
  const auto left = [](WorkerThread& thread) {
    int64_t bytes = 0;
    thread.run([&] { bytes = thread_gpu_account()->budget() - thread_gpu_account()->used(); });
    return bytes;
  };
  one.run([] {
    report(0x1000, 30 * kMiB);
    report(0x2000, 20 * kMiB);
    report(0x2000, -20 * kMiB);
    report(0x3000, 50 * kMiB, c10::kCPU);
  });
  other.run([] { report(0x4000, 5 * kMiB); });
  EXPECT_EQ(left(one), 70 * kMiB);
  EXPECT_EQ(left(other), 95 * kMiB);
  EXPECT_EQ(hooks.take_peak(first), 50 * kMiB);
  EXPECT_EQ(hooks.take_peak(second), 5 * kMiB);
  other.run([] { report(0x1000, -30 * kMiB); });  // which the other part has handed over
  EXPECT_EQ(left(one), 100 * kMiB);
  EXPECT_EQ(left(other), 95 * kMiB);
  EXPECT_EQ(thread_gpu_account(), nullptr) << "no thread of a GPU's";
}

TEST(GpuWorkers, ABlockThatWasFreedUnseenCountsNoLongerWhenItsAddressIsGivenAgain) {
  const auto account = std::make_shared<MemoryAccount>("cuda:0", 100 * kMiB);
  set_thread_gpu_account(account);
  report(0x5000, 40 * kMiB);
  std::thread([] { report(0x5000, -40 * kMiB); }).join();  // a thread without an account
  report(0x5000, 10 * kMiB);
  EXPECT_EQ(account->used(), 10 * kMiB);
  report(0x5000, -10 * kMiB);
  EXPECT_EQ(account->used(), 0);
  report(0x6000, 200 * kMiB);
  EXPECT_EQ(account->used(), 200 * kMiB) << "the device's limit refuses, not the account";
  report(0x6000, -200 * kMiB);
  set_thread_gpu_account(nullptr);
  report(0x7000, kMiB);
  EXPECT_EQ(account->used(), 0);
}

TEST(GpuWorkers, StreamsGoFromThreadsThatHaveEndedToTheNext) {
  const StandInGpus gpus;
  for (int executor = 0; executor < 20; ++executor) {
    const WorkerHooks hooks = make_worker_hooks();
    // Two parts, one with a thread that copies, on one GPU, and another GPU.
    WorkerThread a(gpu_worker("cuda:0#0", 0), hooks), b(gpu_worker("cuda:0#1", 0), hooks),
        copies(gpu_worker("cuda:0#0", 0), hooks), c(gpu_worker("cuda:1", 1), hooks);
    for (WorkerThread* thread : {&a, &b, &copies, &c}) thread->entered();
  }
  EXPECT_LE(gpus.taken, 4);
  EXPECT_EQ(gpus.used.size(), 4u) << "threads of the same time have streams of their own";
}

TEST(GpuWorkers, CachesAreEmptiedOnlyWhereTheWorkersOwnHoldsSomething) {
  const StandInGpus gpus;
  StandInAllocator allocator;
  const WorkerHooks hooks = make_worker_hooks();
  hooks.release_cache(gpu_worker("cuda:0", 0));
  EXPECT_EQ(allocator.emptied, 0) << "all that it holds is in use";
  hooks.release_cache(gpu_worker("cuda:1", 1));
  EXPECT_EQ(allocator.emptied, 1);
}

TEST(GpuWorkers, ALimitIsTheBudgetsShareOfTheDevice) {
  EXPECT_DOUBLE_EQ(memory_fraction(6, 24), 0.25);
  EXPECT_DOUBLE_EQ(memory_fraction(30, 24), 1);
  EXPECT_DOUBLE_EQ(memory_fraction(6, 0), 1);
}

TEST(GpuWorkers, ADeviceWithoutAContextIsNotAskedForItsMemory) {
  const StandInGpus gpus;
  EXPECT_FALSE(device_share(0));
}

}  // namespace
}  // namespace relievo

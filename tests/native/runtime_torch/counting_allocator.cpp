#include "runtime/torch/counting_allocator.h"

#include <thread>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "runtime/execute/device_thread.h"
#include "runtime/torch/worker_hooks.h"

namespace relievo {
namespace {

constexpr int64_t kMiB = 1 << 20;

class CountingAllocatorTest : public testing::Test {
 protected:
  void SetUp() override {
    install_counting_allocator();
    fail_allocation(0);
  }
  void TearDown() override { set_thread_account(nullptr); }

  static at::Tensor tensor(int64_t bytes) { return at::empty({bytes}, at::kByte); }
};

TEST_F(CountingAllocatorTest, CountsWhatTensorsTake) {
  const auto account = std::make_shared<MemoryAccount>("worker", 100 * kMiB);
  set_thread_account(account);
  at::Tensor a = tensor(10 * kMiB);
  {
    const at::Tensor b = tensor(20 * kMiB);
    EXPECT_EQ(account->used(), 30 * kMiB);
  }
  EXPECT_EQ(account->used(), 10 * kMiB);
  EXPECT_EQ(account->take_peak(), 30 * kMiB);
  EXPECT_EQ(account->take_peak(), 10 * kMiB);
  a.reset();
  EXPECT_EQ(account->used(), 0);
}

TEST_F(CountingAllocatorTest, ThrowsAsAGpuDoes) {
  const auto account = std::make_shared<MemoryAccount>("cpu#1", 100 * kMiB);
  set_thread_account(account);
  const at::Tensor a = tensor(90 * kMiB);
  EXPECT_THROW(tensor(10 * kMiB + 1), c10::OutOfMemoryError);
  EXPECT_EQ(account->used(), 90 * kMiB);
  EXPECT_NO_THROW(tensor(10 * kMiB));
  set_thread_account(nullptr);
  EXPECT_NO_THROW(tensor(200 * kMiB));
}

TEST_F(CountingAllocatorTest, ABlockIsFreedForItsOwnerOnAnotherThread) {
  const auto account = std::make_shared<MemoryAccount>("worker", 100 * kMiB);
  set_thread_account(account);
  at::Tensor a = tensor(10 * kMiB);
  const auto other = std::make_shared<MemoryAccount>("other", 100 * kMiB);
  std::thread([&] {
    set_thread_account(other);
    a.reset();
  }).join();
  EXPECT_EQ(account->used(), 0);
  EXPECT_EQ(other->used(), 0);
}

TEST_F(CountingAllocatorTest, ABlockOutlivesItsAccountsOwner) {
  auto account = std::make_shared<MemoryAccount>("worker", 100 * kMiB);
  set_thread_account(account);
  at::Tensor a = tensor(kMiB);
  set_thread_account(nullptr);
  const std::weak_ptr<MemoryAccount> watch = account;
  account.reset();
  EXPECT_FALSE(watch.expired());
  a.reset();
  EXPECT_TRUE(watch.expired());
}

TEST_F(CountingAllocatorTest, MappedWeightsAreCharged) {
  const auto account = std::make_shared<MemoryAccount>("worker", 100 * kMiB);
  set_thread_account(account);
  {
    MemoryCharge weights(60 * kMiB);
    EXPECT_EQ(account->used(), 60 * kMiB);
    EXPECT_THROW(MemoryCharge(41 * kMiB), c10::OutOfMemoryError);
    EXPECT_THROW(tensor(41 * kMiB), c10::OutOfMemoryError);
    MemoryCharge moved = std::move(weights);
    EXPECT_EQ(account->used(), 60 * kMiB);
  }
  EXPECT_EQ(account->used(), 0);
}

TEST_F(CountingAllocatorTest, TheNthAllocationFails) {
  const auto account = std::make_shared<MemoryAccount>("worker");
  set_thread_account(account);
  fail_allocation(3);
  const at::Tensor a = tensor(8), b = tensor(8);
  EXPECT_THROW(tensor(8), c10::OutOfMemoryError);
  EXPECT_NO_THROW(tensor(8));
  EXPECT_EQ(fail_allocation(0), 4);
}

/// Torch catches it inside oneDNN's products of matrices, turns oneDNN off, and goes on.
TEST_F(CountingAllocatorTest, NoCallThatWasRefusedMemoryGoesThrough) {
  ASSERT_TRUE(at::globalContext().userEnabledMkldnn());
  const WorkerHooks hooks = make_worker_hooks();
  const Worker worker;
  set_thread_account(std::make_shared<MemoryAccount>("worker", 100 * kMiB));
  const at::Tensor a = at::randn({2, 64, 128}).to(at::kBFloat16).slice(2, 0, 128, 2);  // copied first
  const at::Tensor b = at::randn({2, 64, 64}).to(at::kBFloat16);
  const at::Tensor expected = at::bmm(a, b);
  int64_t refused = 0, allocations = 0;
  for (int64_t n = 1; n == 1 || n <= allocations; ++n) {
    fail_allocation(n);
    try {
      const at::Tensor product = at::bmm(a, b);
      hooks.finish(worker);
      ADD_FAILURE() << "allocation " << n << " failed, and nobody was told";
    } catch (const c10::OutOfMemoryError&) {
      ++refused;
    }
    fail_allocation(0);
    EXPECT_TRUE(at::globalContext().userEnabledMkldnn());
    EXPECT_TRUE(at::equal(at::bmm(a, b), expected));
    EXPECT_NO_THROW(hooks.finish(worker));
    allocations = fail_allocation(0);
  }
  EXPECT_EQ(refused, allocations);
}

TEST_F(CountingAllocatorTest, AlignmentIsTorchs) {
  set_thread_account(std::make_shared<MemoryAccount>("worker"));
  for (const int64_t bytes : {1, 63, 64, 65, 100000}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor(bytes).data_ptr()) % 64, 0U);
  }
}

TEST_F(CountingAllocatorTest, WorkerThreadsHaveTheirBudget) {
  Worker worker;
  worker.name = "cpu#0";
  worker.budget_bytes = 10 * kMiB;
  const WorkerHooks hooks = make_worker_hooks();
  WorkerThread thread(worker, hooks);
  EXPECT_THROW(thread.run([] { tensor(11 * kMiB); }), c10::OutOfMemoryError);
  thread.run([] { tensor(9 * kMiB); });
  EXPECT_EQ(hooks.take_peak(worker), 9 * kMiB);
}

}  // namespace
}  // namespace relievo

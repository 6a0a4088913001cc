#include "benchmarks/native/recording_allocator.h"

#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "runtime/torch/counting_allocator.h"

namespace relievo {
namespace {

at::Tensor tensor(int64_t bytes) { return at::empty({bytes}, at::kByte); }

TEST(RecordingAllocator, RecordsTheLivesOfBlocks) {
  const auto account = std::make_shared<MemoryAccount>("worker");
  set_thread_account(account);
  start_recording();
  {
    const at::Tensor a = tensor(100);
    const at::Tensor b = tensor(200);
    EXPECT_EQ(account->used(), 300) << "what lies below still counts";
  }
  const auto events = stop_recording();
  set_thread_account(nullptr);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].bytes, 100);
  EXPECT_EQ(events[2].block, events[1].block) << "the last one is freed first";
  EXPECT_EQ(events[2].bytes, 0);
  EXPECT_EQ(account->used(), 0);
}

TEST(RecordingAllocator, LeavesThreadsWithoutAnAccountOut) {
  start_recording();
  std::thread([] { tensor(100); }).join();
  EXPECT_TRUE(stop_recording().empty());
}

TEST(RecordingAllocator, NotesThatABlockIsFreedOnAnotherThread) {
  set_thread_account(std::make_shared<MemoryAccount>("worker"));
  start_recording();
  at::Tensor a = tensor(100);
  std::thread([&] { a.reset(); }).join();
  const auto events = stop_recording();
  set_thread_account(nullptr);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].block, events[0].block);
}

}  // namespace
}  // namespace relievo

#include "runtime/torch/allocator_settings.h"

#include <c10/core/AllocatorConfig.h>
#include <gtest/gtest.h>

#include "../expect_error.h"

namespace relievo {
namespace {

using c10::CachingAllocator::AcceleratorAllocatorConfig;

TEST(AllocatorSettings, FollowTheWishThenTheEnvironmentThenThePolicy) {
  const auto said = [](const char* wish, Policy policy, const char* environment) {
    return describe(choose_allocator(wish, policy, environment));
  };
  EXPECT_EQ(said("auto", Policy::kFastest, ""), "expandable_segments:True (the policy 'fastest')");
  EXPECT_EQ(said("auto", Policy::kMemory, ""),
            "max_split_size_mb:128,garbage_collection_threshold:0.6 (the policy 'memory')");
  EXPECT_EQ(said("auto", Policy::kMemory, "max_split_size_mb:64"),
            "max_split_size_mb:64 (the environment's PYTORCH_ALLOC_CONF)");
  EXPECT_EQ(said("expandable-segments", Policy::kMemory, "max_split_size_mb:64"),
            "expandable_segments:True (as chosen)");
  EXPECT_EQ(said("max_split_size_mb=256", Policy::kFastest, ""), "max_split_size_mb:256 (as chosen)");
  const char* torchs = "roundup_power2_divisions:[256:1,512:2], release_lock_on_cudamalloc:True";
  EXPECT_EQ(choose_allocator(torchs, Policy::kFastest).words, torchs);
}

TEST(AllocatorSettings, RefuseWhatTorchDoesNotKnow) {
  for (const char* wish : {"", "fast", "max_split_size_mb=20", "max_split_size_mb=", "max_split_size_mb=x",
                           "paint:red", "max_split_size_mb:64,", "max_split_size_mb",
                           "backend:cudaMallocAsync", "roundup_power2_divisions:[1"}) {
    expect_error(ErrorCode::kInvalidSettings, "Invalid allocator '" + std::string(wish) + "'.",
                 [&] { choose_allocator(wish, Policy::kFastest); });
  }
  expect_error(ErrorCode::kInvalidSettings, "Invalid allocator 'max_split_size_mb:many'.",
               [] { apply(choose_allocator("max_split_size_mb:many", Policy::kFastest)); });
}

TEST(AllocatorSettings, AreTorchsFromThenOn) {
  apply(choose_allocator("max_split_size_mb=256", Policy::kFastest));
  EXPECT_EQ(AcceleratorAllocatorConfig::max_split_size(), size_t{256} << 20);
  EXPECT_FALSE(AcceleratorAllocatorConfig::use_expandable_segments());
  apply(choose_allocator("auto", Policy::kBalanced));
  EXPECT_TRUE(AcceleratorAllocatorConfig::use_expandable_segments());
  EXPECT_DOUBLE_EQ(AcceleratorAllocatorConfig::garbage_collection_threshold(), 0.8);
}

}  // namespace
}  // namespace relievo

// Tests which error a failed launch of a kernel becomes. Compiled against the stand-in for cuda_runtime.h.
#include "kernels/launch.cuh"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

Error error_of(cudaError_t status) {
  cuda_on_host::fail_next_launch(status);
  try {
    launch(1, nullptr, [](int64_t) { FAIL() << "a launch that failed runs nothing"; });
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("launch() did not throw");
}

TEST(Launch, WantOfMemoryReachesTheFallbacks) {
  EXPECT_EQ(error_of(cudaErrorMemoryAllocation).code(), ErrorCode::kOutOfMemory);
}

TEST(Launch, NamesTheArchitectureThatTheBuildLacks) {
  const Error error = error_of(cudaErrorNoKernelImageForDevice);
  EXPECT_EQ(error.code(), ErrorCode::kDeviceLost);
  EXPECT_NE(std::string(error.message()).find("compute capability 7.0"), std::string::npos)
      << error.message();
}

TEST(Launch, ALostContextIsALostDevice) {
  EXPECT_EQ(error_of(cudaErrorIllegalAddress).code(), ErrorCode::kDeviceLost);
  EXPECT_EQ(error_of(cudaErrorLaunchFailure).code(), ErrorCode::kDeviceLost);
}

TEST(Launch, AGridThatCannotBeIsAFaultOfOurs) {
  EXPECT_EQ(error_of(cudaErrorInvalidConfiguration).code(), ErrorCode::kInternal);
}

TEST(Launch, AnEarlierErrorOfTheThreadIsNotOurs) {
  cuda_on_host::last_error = cudaErrorInvalidValue;
  std::vector<int> seen(1000, 0);
  launch(1000, nullptr, [&](int64_t i) { ++seen[static_cast<size_t>(i)]; });
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(Launch, OfNothingIsNoLaunch) {
  const int64_t before = cuda_on_host::launches;
  launch(0, nullptr, [](int64_t) { FAIL(); });
  EXPECT_EQ(cuda_on_host::launches, before);
}

}  // namespace
}  // namespace relievo::kernels

#include "verify/gpu_check.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

TEST(GpuCheck, PassesOnTheCpuBesideItself) {
  std::vector<std::string> told;
  const auto lines = check_device("cpu", {}, [&](const DeviceCheck& line) { told.push_back(line.name); });
  EXPECT_EQ(lines.size(), 9u);
  ASSERT_EQ(told.size(), lines.size());
  for (const DeviceCheck& line : lines) {
    EXPECT_TRUE(line.ok()) << line.name << ": " << line.number << " " << line.unit << " " << line.error;
    EXPECT_EQ(line.device, "cpu");
  }
}

// A device that computes nothing stands for one that computes wrongly: each check says so and the next goes
// on.
TEST(GpuCheck, SaysWhatFailedAndGoesOn) {
  const auto lines = check_device("meta", {});
  EXPECT_EQ(lines.size(), 9u);
  for (const DeviceCheck& line : lines) {
    EXPECT_FALSE(line.ok()) << line.name;
    EXPECT_FALSE(line.error.empty()) << line.name;
  }
}

TEST(GpuCheck, StopsWhenCancelled) {
  CancelToken cancel;
  const auto stop = [&](const DeviceCheck&) { cancel.cancel(); };
  expect_error(ErrorCode::kCancelled, "", [&] { check_device("cpu", {{}, cancel}, stop); });
}

}  // namespace
}  // namespace relievo

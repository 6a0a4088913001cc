#include "base/control.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace relievo {
namespace {

TEST(CancelToken, CopiesShareTheWish) {
  const CancelToken token;
  const CancelToken copy = token;
  EXPECT_NO_THROW(copy.check());
  token.cancel();
  token.cancel();
  EXPECT_TRUE(copy.cancelled());
  try {
    copy.check();
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(Progress, OnlyGrowsAndStaysWithinZeroAndOne) {
  std::vector<double> seen;
  const Progress progress([&](double fraction) { seen.push_back(fraction); });
  for (const double fraction : {0.2, 0.1, 0.2, 0.7, -3.0, 5.0, 0.9}) progress.report(fraction);
  EXPECT_EQ(seen, (std::vector<double>{0.2, 0.7, 1.0}));
}

TEST(Progress, PartsFillTheirShare) {
  std::vector<double> seen;
  const Progress progress([&](double fraction) { seen.push_back(fraction); });
  progress.part(0.5, 1.0).part(0, 0.5).report(1);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_DOUBLE_EQ(seen[0], 0.75);
}

TEST(Progress, IsSafeFromSeveralThreads) {
  std::vector<double> seen;
  const Progress progress([&](double fraction) { seen.push_back(fraction); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i <= 1000; ++i) progress.report(i / 1000.0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 1.0);
}

TEST(Progress, WithoutListenerGoesNowhere) { EXPECT_NO_THROW(Progress().part(0, 0.5).report(0.5)); }

}  // namespace
}  // namespace relievo

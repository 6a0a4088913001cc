#include "base/parallel.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <omp.h>

namespace relievo {
namespace {

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (const int64_t count : {0, 1, 7, 1000}) {
    std::vector<int> visits(count, 0);
    parallel_for(count, 16, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) ++visits[i];
    });
    EXPECT_EQ(visits, std::vector<int>(count, 1));
  }
}

TEST(ParallelFor, UsesTheThreadsOfTheCaller) {
  set_parallel_threads(2);
  std::atomic<int> widest{0};
  parallel_for(64, 1, [&](int64_t, int64_t) { widest = std::max(widest.load(), omp_get_num_threads()); });
  EXPECT_EQ(widest, 2);
  set_parallel_threads(1);
  widest = 0;
  parallel_for(64, 1, [&](int64_t, int64_t) { widest = std::max(widest.load(), omp_get_num_threads()); });
  EXPECT_EQ(widest, 1);
  set_parallel_threads(2);
}

TEST(ParallelFor, ThrowsWhatABodyThrew) {
  EXPECT_THROW(parallel_for(100, 1,
                            [](int64_t first, int64_t) {
                              if (first == 40) throw std::domain_error("forty");
                            }),
               std::domain_error);
}

}  // namespace
}  // namespace relievo

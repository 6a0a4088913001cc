#include "base/parallel.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>
#include <omp.h>
#include <sys/resource.h>

#include "base/address_space.h"
#include "base/error.h"
#include "base/thread_room.h"
#include "child.h"

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

/// Runs the body in a child that may map no more than a few MiB beyond what it has; its exit status.
int status_of_narrow(const std::function<int()>& body) {
  Child child([&] {
    constexpr rlim_t kWide = rlim_t{1} << 46, kLeft = rlim_t{4} << 20;
    rlimit limit{.rlim_cur = kWide, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = kWide - static_cast<rlim_t>(*address_space_left()) + kLeft;
    ::setrlimit(RLIMIT_AS, &limit);
    return body();
  });
  return child.status();
}

TEST(RoomForThreads, IsAskedForBeforeLibrariesWaitForThem) {
  require_room_for_threads(2);
  const int status = status_of_narrow([] {
    try {
      require_room_for_threads(64);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kOutOfMemory ? 7 : 2;
    }
    return 1;
  });
  EXPECT_EQ(status, 7);
}

TEST(AddressSpace, IsNamedInErrorsForWantOfMemory) {
  const Error want(ErrorCode::kOutOfMemory, "There is no memory.", "Use less.");
  EXPECT_EQ(with_address_space(want).hint(), "Use less.");
  const int status = status_of_narrow([&] {
    const std::string hint = with_address_space(want).hint();
    const bool is_told = hint.find("ulimit -v") != std::string::npos && hint.ends_with("Use less.");
    const Error other(ErrorCode::kIo, "No disk.", "Buy one.");
    return is_told && with_address_space(other).hint() == "Buy one." ? 7 : 1;
  });
  EXPECT_EQ(status, 7);
}

}  // namespace
}  // namespace relievo

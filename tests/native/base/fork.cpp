#include "base/fork.h"

#include <atomic>

#include "../expect_error.h"
#include "base/parallel.h"
#include "child.h"

namespace relievo {
namespace {

TEST(Fork, AChildOfAProcessThatUsedThreadsHasNone) {
  EXPECT_FALSE(has_lost_threads());
  EXPECT_NO_THROW(require_threads("It"));
  use_threads();
  Child child([] {
    if (!has_lost_threads()) return 1;
    try {
      require_threads("It");
    } catch (const Error& error) {
      return error.hint().find("spawn") == std::string::npos ? 2 : 0;
    }
    return 3;
  });
  EXPECT_EQ(child.status(), 0);
  EXPECT_FALSE(has_lost_threads());
}

TEST(Fork, ALoopRunsToItsEndInAChild) {
  const auto count = [] {
    std::atomic<int> seen = 0;
    parallel_for(100, 1, [&](int64_t first, int64_t last) { seen += static_cast<int>(last - first); });
    return seen.load();
  };
  set_parallel_threads(3);
  EXPECT_EQ(count(), 100);  // OpenMP has threads from now on
  Child child([&] { return count() == 100 ? 0 : 1; });
  EXPECT_EQ(child.status(), 0);
}

}  // namespace
}  // namespace relievo

// A picture that is cancelled frees nothing that a device may still read.
#include <gmock/gmock.h>

#include "fake_cuda.h"
#include "near_mesh.h"
#include "on_fake_gpus.h"

namespace relievo {
namespace {

class CancelledOnFakeGpus : public OnFakeGpus {
 protected:
  /// Cancels the first of two pictures at some of its ticks; the second one is made.
  void expect_that_the_other_is_made(const std::vector<Worker>& workers, Strategy strategy) {
    TinyPipeline pipeline(workers, strategy, Until::kMesh);
    const auto make = [&](int stop_at) {
      std::atomic<int> ticks = 0;
      TinyPicture picture{tiny_request(0)};
      picture.on_progress = [&, cancel = picture.cancel](double) {
        if (++ticks == stop_at) CancelToken(cancel).cancel();
      };
      const auto made = pipeline.make({picture, {tiny_request(1)}});
      EXPECT_EQ(made[0].error.has_value(), stop_at > 0);
      EXPECT_FALSE(made[1].error) << made[1].error->what();
      if (made[1].result) expect_near(made[1].bits(), reference(1, 7, Until::kMesh));
      EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty());
      return ticks.load();
    };
    const int ticks = make(0);
    constexpr int kTried = 6;
    for (int k = 0; k < kTried; ++k) {
      SCOPED_TRACE(k);
      make(1 + ticks * k / kTried);
    }
  }
};

TEST_F(CancelledOnFakeGpus, WithWeightsThatComeFromTheHost) {
  expect_that_the_other_is_made(gpu_workers(1), Strategy::kOffload);
}

TEST_F(CancelledOnFakeGpus, BesideSideThreads) {
  std::vector<Worker> workers = gpu_workers(1);
  workers[0].side_threads = 2;
  expect_that_the_other_is_made(workers, Strategy::kSingle);
}

TEST_F(CancelledOnFakeGpus, WhereTwoShareAPicture) {
  expect_that_the_other_is_made(gpu_workers(2), Strategy::kGuidance);
}

}  // namespace
}  // namespace relievo

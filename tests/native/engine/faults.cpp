// Memory runs out at any allocation, torch's or our own.
#include <chrono>
#include <thread>

#include "own_allocations.h"
#include "runtime/torch/counting_allocator.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

constexpr int64_t kForEver = int64_t{1} << 60;

/// Which allocations to fail, of `count`: all of them with RELIEVO_EVERY_ALLOCATION=1 (`make test-faults`),
/// else the first and about so many on the way.
std::vector<int64_t> chosen(int64_t count, int64_t about) {
  constexpr int64_t kFirst = 5;
  const bool is_every = std::getenv("RELIEVO_EVERY_ALLOCATION") != nullptr;
  const int64_t stride = is_every ? 1 : std::max<int64_t>(count / about, 1);
  std::vector<int64_t> all;
  for (int64_t n = 1; n <= count; n += n < kFirst ? 1 : stride) all.push_back(n);
  return all;
}

using Fail = int64_t (*)(int64_t n, int64_t times);

/// A failure is one of memory, and says what to do.
void expect_clean(const Error& error) {
  EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory) << error.what();
  EXPECT_FALSE(error.hint().empty());
}

/// Whether nothing but the weights of other stages had to give way, which changes no bit.
bool is_in_full(const std::vector<std::string>& notes) {
  return std::ranges::all_of(
      notes, [](const std::string& note) { return note.find("make room") != std::string::npos; });
}

class Faults : public TinyPipelineTest {
 protected:
  static GenerateRequest request() {
    GenerateRequest request = tiny_request();
    request.settings.precision = "bf16";
    return request;
  }

  /// Fails allocations of jobs of one engine, one job after the other.
  void fail_one_after_the_other(Fail fail, int64_t times, int64_t about) {
    Engine engine(tiny_options());
    const Job first = engine.submit(request());
    ASSERT_TRUE(first.wait(60));
    ASSERT_NE(first.result(), nullptr) << first.error()->what();
    const MeshBits expected(first.result()->mesh);
    unload(engine);
    const int64_t charged_before = charged_bytes();
    fail(0, 1);
    ASSERT_TRUE(engine.submit(request()).wait(60));
    const int64_t count = fail(0, 1);
    ASSERT_GT(count, 100);
    unload(engine);

    int failed = 0;
    for (const int64_t n : chosen(count, about)) {
      SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(count));
      fail(n, times);
      const Job job = engine.submit(request());
      const bool has_ended = job.wait(60);
      fail(0, 1);
      ASSERT_TRUE(has_ended);
      if (job.error()) {
        ++failed;
        expect_clean(*job.error());
        EXPECT_EQ(job.status().state, JobState::kFailed);
      } else if (is_in_full(job.result()->notes)) {
        EXPECT_TRUE(same(MeshBits(job.result()->mesh), expected));
      }
      const Job next = engine.submit(request());
      ASSERT_TRUE(next.wait(60));
      ASSERT_NE(next.result(), nullptr) << next.error()->what();
      EXPECT_TRUE(same(MeshBits(next.result()->mesh), expected));
      unload(engine);
      EXPECT_EQ(charged_bytes(), charged_before) << "something was kept";
    }
    if (times == kForEver) {
      EXPECT_GT(failed, 0);
    }
  }

  /// And what it holds is gone.
  static void unload(Engine& engine) {
    engine.unload();
    for (int i = 0; i < 5000 && (engine.loaded() || charged_bytes() > 0); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

int64_t fail_torch(int64_t n, int64_t times) { return fail_allocation(n, times); }
int64_t fail_own(int64_t n, int64_t times) { return fail_own_allocation(n, times); }

TEST_F(Faults, OneAllocationOfTorch) { fail_one_after_the_other(fail_torch, 1, 25); }
TEST_F(Faults, ThreeAllocationsOfTorch) { fail_one_after_the_other(fail_torch, 3, 10); }
TEST_F(Faults, AllAllocationsOfTorchFromOneOn) { fail_one_after_the_other(fail_torch, kForEver, 10); }
TEST_F(Faults, OneAllocationOfOurOwn) { fail_one_after_the_other(fail_own, 1, 25); }
TEST_F(Faults, AllAllocationsOfOurOwnFromOneOn) { fail_one_after_the_other(fail_own, kForEver, 10); }

/// Lanes that wait for one another must not do so without end.
class FaultsOnTwoSlots : public Faults, public testing::WithParamInterface<Strategy> {
 protected:
  void fail_one_after_the_other(Fail fail, int64_t about) {
    const std::vector<TinyPicture> pictures{{tiny_request(0)}, {tiny_request(1)}};
    TinyPipeline pipeline(2, GetParam());
    const auto expected = pipeline.make(pictures);
    for (const Made& one : expected) ASSERT_FALSE(one.error) << one.error->what();
    const auto right = [&](const std::vector<Made>& made) {
      return same(made[0].bits(), expected[0].bits()) && same(made[1].bits(), expected[1].bits());
    };
    pipeline.executor().unload();
    const int64_t charged_before = charged_bytes();
    fail(0, 1);
    pipeline.make(pictures);
    const int64_t count = fail(0, 1);
    for (const int64_t n : chosen(count, about)) {
      SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(count));
      pipeline.executor().unload();
      EXPECT_EQ(charged_bytes(), charged_before) << "something was kept";
      fail(n, 1);
      std::vector<Made> made;
      try {
        made = pipeline.make(pictures);
      } catch (...) {  // the executor itself had no memory left
        expect_clean(current_torch_error());
      }
      fail(0, 1);
      for (const Made& one : made) {
        EXPECT_EQ(one.delivered, 1);
        if (one.error) expect_clean(*one.error);
      }
      const auto next = pipeline.make(pictures);
      for (const Made& one : next) ASSERT_FALSE(one.error) << one.error->what();
      EXPECT_TRUE(right(next));
    }
  }
};

TEST_P(FaultsOnTwoSlots, OneAllocationOfTorch) { fail_one_after_the_other(fail_torch, 5); }
TEST_P(FaultsOnTwoSlots, OneAllocationOfOurOwn) { fail_one_after_the_other(fail_own, 8); }

INSTANTIATE_TEST_SUITE_P(Strategies, FaultsOnTwoSlots,
                         testing::Values(Strategy::kData, Strategy::kStage, Strategy::kGuidance,
                                         Strategy::kSplit));

TEST_F(Faults, ARunThatDiesLeavesTheMaskPreviewAlone) {
  Engine engine(tiny_options());
  GenerateRequest mask;
  mask.image = Image(640, 480, 3, 0.5f);  // without alpha: the network has to look at it
  mask.settings.mask_invert = true;       // it sees nothing, which is all then
  mask.only_foreground = true;
  std::optional<Job> preview;
  std::mutex mutex;
  make_mesh_field() = [&](at::Tensor, std::shared_ptr<const MeshHeads>) -> std::shared_ptr<const Field> {
    {
      const std::lock_guard lock(mutex);
      preview = engine.submit(mask);
    }
    while (preview->status().state == JobState::kWaiting) std::this_thread::yield();
    constexpr int kMoreThanOneErrorTakes = 100;
    fail_own_allocations_here(kMoreThanOneErrorTakes);
    throw std::bad_alloc();
  };
  const Job job = engine.submit(request());
  ASSERT_TRUE(job.wait(60));
  ASSERT_TRUE(job.error());
  expect_clean(*job.error());
  const std::lock_guard lock(mutex);
  ASSERT_TRUE(preview && preview->wait(60));
  EXPECT_FALSE(preview->error()) << preview->error()->what();
}

}  // namespace
}  // namespace relievo

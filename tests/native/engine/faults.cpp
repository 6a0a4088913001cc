// Memory runs out at any allocation, torch's or our own.
#include <chrono>
#include <numeric>
#include <set>
#include <thread>

#include "../test_data.h"
#include "own_allocations.h"
#include "runtime/torch/counting_allocator.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

constexpr int64_t kForEver = int64_t{1} << 60;

/// The allocations that are made to fail.
struct Torch {
  static void count() { fail_allocation(0); }
  static void fail(int64_t n, int64_t times = 1) { fail_allocation(n, times); }
  /// The numbers to try after an undisturbed run that began with count(): all of them.
  static std::vector<int64_t> all() {
    std::vector<int64_t> all(static_cast<size_t>(fail_allocation(0)));
    std::iota(all.begin(), all.end(), 1);
    return all;
  }
};
struct Ours {
  static void count() { record_own_allocations(); }
  static void fail(int64_t n, int64_t times = 1) { fail_own_allocation(n, times); }
  /// Allocations of our own code number hundreds of thousands: the first of each path through the code is
  /// tried, and some besides.
  static std::vector<int64_t> all() {
    constexpr int64_t kStride = 997;
    const std::vector<int64_t> paths = first_allocations_of_each_path();
    std::set<int64_t> all(paths.begin(), paths.end());
    const int64_t count = fail_own_allocation(0);
    for (int64_t n = 1; n <= count; n += kStride) all.insert(n);
    return {all.begin(), all.end()};
  }
};

/// When memory is nearly gone, large allocations fail and go on failing, while small ones find holes.
/// (nlohmann's JSON values allocate where they are destroyed, so that they end the process when everything
/// fails for ever.)
struct OursOfSize {
  static constexpr size_t kAtLeast = 16 << 10;
  static void count() { fail(0); }
  static void fail(int64_t n, int64_t times = 1) { fail_own_allocation(n, times, kAtLeast); }
  static std::vector<int64_t> all() {
    std::vector<int64_t> all(static_cast<size_t>(fail_own_allocation(0)));
    std::iota(all.begin(), all.end(), 1);
    return all;
  }
};

/// Picks about so many of them, evenly; all with RELIEVO_EVERY_ALLOCATION=1 (`make test-faults`).
std::vector<int64_t> some_of(const std::vector<int64_t>& all, size_t about) {
  const size_t stride =
      tries_every_fault() ? static_cast<size_t>(fault_stride()) : std::max<size_t>(all.size() / about, 1);
  std::vector<int64_t> some;
  for (size_t i = stride / 2; i < all.size(); i += stride) some.push_back(all[i]);
  return some;
}

/// Returns whether an undisturbed run has to follow the i-th disturbed one. Of all of them a part will do:
/// the next disturbed one is undisturbed up to its own failure.
bool looks_at_the_next(size_t i) { return !tries_every_fault() || i % 16 == 0; }

/// A failure is one of memory, and says what to do.
void expect_clean(const Error& error) {
  EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory) << error.what();
  EXPECT_FALSE(error.hint().empty());
}

/// Returns whether only the weights of other stages had to give way, which changes no bit.
bool is_in_full(const std::vector<std::string>& notes) {
  return std::ranges::all_of(
      notes, [](const std::string& note) { return note.find("make room") != std::string::npos; });
}

class Faults : public TinyPipelineTest {
 protected:
  /// A coarse surface, whose charts are quickly packed; the executor's tests take more than one step.
  static GenerateRequest request() {
    GenerateRequest request = tiny_request();
    request.settings.precision = "bf16";
    request.settings.grid = 8;
    request.settings.steps = 1;
    return request;
  }

  /// Fails allocations of jobs of one engine, one job after the other.
  template <typename Whose>
  void fail_one_after_the_other(int64_t times, size_t about) {
    const int64_t charged_before = charged_bytes();
    Engine engine(tiny_options());
    const Job first = engine.submit(request());
    ASSERT_TRUE(first.wait(60));
    ASSERT_NE(first.result(), nullptr) << first.error()->what();
    const MeshBits expected(first.result()->mesh);
    unload(engine);
    Whose::count();
    ASSERT_TRUE(engine.submit(request()).wait(60));
    const std::vector<int64_t> all = Whose::all();
    ASSERT_GT(all.size(), 100u);
    RecordProperty("allocations", static_cast<int>(all.size()));
    unload(engine);

    // A stage recovers from one failure; three are more than some stages have fallbacks for.
    const bool has_a_way_on = times == 1 && std::is_same_v<Whose, Torch>;
    int failed = 0;
    const std::vector<int64_t> tried = some_of(all, about);
    const LongRun run;
    for (size_t i = run.done(); i < tried.size(); ++i) {
      const int64_t n = tried[i];
      SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(all.back()));
      Whose::fail(n, times);
      const Job job = engine.submit(request());
      const bool has_ended = job.wait(60);
      Whose::fail(0);
      ASSERT_TRUE(has_ended);
      if (job.error()) {
        ++failed;
        EXPECT_FALSE(has_a_way_on) << job.error()->what();
        expect_clean(*job.error());
        EXPECT_EQ(job.status().state, JobState::kFailed);
      } else if (is_in_full(job.result()->notes)) {
        EXPECT_TRUE(same(MeshBits(job.result()->mesh), expected));
      }
      if (looks_at_the_next(i)) {
        const Job next = engine.submit(request());
        ASSERT_TRUE(next.wait(60));
        ASSERT_NE(next.result(), nullptr) << next.error()->what();
        EXPECT_TRUE(same(MeshBits(next.result()->mesh), expected));
      }
      unload(engine);
      EXPECT_EQ(charged_bytes(), charged_before) << "something was kept";
      run.reached(i + 1);
    }
    if (times == kForEver && run.done() == 0) {
      EXPECT_GT(failed, 0);
    }
  }

  /// Unloads the models and waits until all that they hold is gone.
  static void unload(Engine& engine) {
    engine.unload();
    for (int i = 0; i < 5000 && (engine.loaded() || charged_bytes() > 0); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

TEST_F(Faults, OneAllocationOfTorch) { fail_one_after_the_other<Torch>(1, 3); }
TEST_F(Faults, ThreeAllocationsOfTorch) { fail_one_after_the_other<Torch>(3, 1); }
TEST_F(Faults, AllAllocationsOfTorchFromOneOn) { fail_one_after_the_other<Torch>(kForEver, 1); }
TEST_F(Faults, OneAllocationOfOurs) { fail_one_after_the_other<Ours>(1, 3); }
TEST_F(Faults, AllLargeAllocationsOfOursFromOneOn) { fail_one_after_the_other<OursOfSize>(kForEver, 1); }

/// The executor alone, up to the surface: quicker, and with groups that wait for one another, which must not
/// be without end.
class FaultsOnWorkers : public Faults, public testing::WithParamInterface<Strategy> {
 protected:
  static bool is_of_one_worker() {
    return GetParam() == Strategy::kSingle || GetParam() == Strategy::kOffload;
  }
  template <typename Whose>
  void fail_one_after_the_other(size_t about) {
    const std::vector<TinyPicture> pictures{{tiny_request(0)}, {tiny_request(1)}};
    const int64_t charged_before = charged_bytes();
    TinyPipeline pipeline(is_of_one_worker() ? 1 : 2, GetParam());
    const auto expected = pipeline.make(pictures);
    for (const Made& one : expected) ASSERT_FALSE(one.error) << one.error->what();
    const auto right = [&](const std::vector<Made>& made) {
      return same(made[0].bits(), expected[0].bits()) && same(made[1].bits(), expected[1].bits());
    };
    pipeline.renew_executor();
    Whose::count();
    pipeline.make(pictures);
    const std::vector<int64_t> all = Whose::all();
    ASSERT_GT(all.size(), 100u);
    const std::vector<int64_t> tried = some_of(all, about);
    const LongRun run;
    for (size_t i = run.done(); i < tried.size(); ++i) {
      const int64_t n = tried[i];
      SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(all.back()));
      pipeline.renew_executor();
      EXPECT_EQ(charged_bytes(), charged_before) << "something was kept";
      Whose::fail(n);
      std::vector<Made> made;
      try {
        made = pipeline.make(pictures);
      } catch (...) {  // the executor itself had no memory left
        expect_clean(current_torch_error());
      }
      Whose::fail(0);
      for (const Made& one : made) {
        EXPECT_EQ(one.delivered, 1);
        if (one.error) expect_clean(*one.error);
      }
      if (looks_at_the_next(i)) {
        const auto next = pipeline.make(pictures);
        for (const Made& one : next) ASSERT_FALSE(one.error) << one.error->what();
        EXPECT_TRUE(right(next));
      }
      run.reached(i + 1);
    }
  }
};

TEST_P(FaultsOnWorkers, OneAllocationOfTorch) { fail_one_after_the_other<Torch>(2); }
TEST_P(FaultsOnWorkers, OneAllocationOfOurs) { fail_one_after_the_other<Ours>(3); }

INSTANTIATE_TEST_SUITE_P(Strategies, FaultsOnWorkers,
                         testing::Values(Strategy::kSingle, Strategy::kData, Strategy::kStage,
                                         Strategy::kGuidance, Strategy::kSplit, Strategy::kOffload));

TEST_F(Faults, ARunThatDiesLeavesTheMaskPreviewAlone) {
  Engine engine(tiny_options());
  GenerateRequest mask;
  mask.picture = test_data() / "pictures/rocket.jpg";  // without alpha: the network has to look at it
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

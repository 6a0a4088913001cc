// Several pictures on few workers: the processor's stages of some run while others are computed, and several
// are computed together, without changing them.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "../fake_cuda/near_mesh.h"
#include "runtime/torch/counting_allocator.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

class Overlap : public TinyPipelineTest {
 protected:
  static std::vector<Worker> workers(int count, int side_threads) {
    std::vector<Worker> made(static_cast<size_t>(count));
    for (size_t i = 0; i < made.size(); ++i) {
      made[i].name = "cpu#" + std::to_string(i);
      made[i].budget_bytes = int64_t{1} << 40;
      made[i].side_threads = side_threads;
    }
    return made;
  }
  static std::vector<TinyPicture> pictures(int count) {
    std::vector<TinyPicture> all;
    for (int i = 0; i < count; ++i) all.push_back({tiny_request(i % 3, 7 + i / 3)});
    return all;
  }
  void expect_made(const std::vector<Made>& made, Until until) {
    for (size_t i = 0; i < made.size(); ++i) {
      ASSERT_FALSE(made[i].error) << made[i].error->what();
      EXPECT_EQ(made[i].delivered, 1);
      const int kind = static_cast<int>(i) % 3, seed = 7 + static_cast<int>(i) / 3;
      EXPECT_TRUE(same(made[i].bits(), reference(kind, seed, until))) << i;
    }
  }
};

/// Pictures of a batch, whose tiny networks are too narrow for the same bits: torch computes what is left at
/// the end of a tensor by other functions (tests/native/reconstruct/parts.cpp has the bits at wider ones).
void expect_nearly(const std::vector<Made>& made, const std::function<const MeshBits&(size_t)>& reference) {
  for (size_t i = 0; i < made.size(); ++i) {
    if (made[i].error && made[i].error->code() == ErrorCode::kCancelled) continue;
    ASSERT_FALSE(made[i].error) << made[i].error->what();
    EXPECT_EQ(made[i].delivered, 1);
    expect_near(made[i].bits(), reference(i));
  }
}

/// Waits for what other threads do, a minute at most.
bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 60'000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

TEST_F(Overlap, OnePictureIsTexturedWhileTheNextIsPainted) {
  TinyPipeline pipeline(workers(1, 2), Strategy::kSingle, Until::kMesh);
  std::atomic<int> painted = 0, textured = 0;
  pipeline.watch = [&](const std::string& stage, Moment moment, const Worker& worker) {
    EXPECT_EQ(worker.name, "cpu#0");
    if (moment != Moment::kStart) return;
    if (stage == "diffusion") ++painted;
    if (stage != "texture" || ++textured > 1) return;
    EXPECT_TRUE(comes_true([&] { return painted >= 2; })) << "the next is not painted meanwhile";
  };
  const auto made = pipeline.make(pictures(3));
  EXPECT_GT(pipeline.plan.groups.at(0).side_threads, 0);
  expect_made(made, Until::kMesh);
  for (const StageRun& stage : made[0].stages) {
    const bool is_ours = stage.stage == "foreground" || stage.stage == "simplify" || stage.stage == "texture";
    EXPECT_EQ(stage.on_side, is_ours) << stage.stage;
  }
}

TEST_F(Overlap, AWorkerThatIsLostLosesNothing) {
  const auto stages = TinyPipeline(2, Strategy::kData, Until::kMesh).stage_names();
  for (size_t i = 0; i < stages.size(); ++i) {
    if (i % 2 == 1 && !tries_every_fault()) continue;
    SCOPED_TRACE(stages[i]);
    TinyPipeline pipeline(workers(2, 1), Strategy::kData, Until::kMesh);
    std::atomic<int> calls = 0;
    pipeline.watch = [&](const std::string& stage, Moment moment, const Worker& worker) {
      if (stage != stages[i] || moment != Moment::kStart || worker.name != "cpu#1") return;
      if (++calls == 1) throw Error(ErrorCode::kDeviceLost, "fell off the bus");
    };
    const auto made = pipeline.make(pictures(4));
    const auto lost = pipeline.executor().lost_workers();
    EXPECT_EQ(lost, calls > 0 ? std::vector<int>{1} : std::vector<int>());
    expect_made(made, Until::kMesh);
  }
}

TEST_F(Overlap, ACancelledPictureEndsAndTheOthersGoOn) {
  const auto stages = TinyPipeline(1, Strategy::kSingle, Until::kMesh).stage_names();
  for (const std::string& cancelled_in : stages) {
    SCOPED_TRACE(cancelled_in);
    TinyPipeline pipeline(workers(1, 2), Strategy::kSingle, Until::kMesh);
    auto all = pictures(3);
    size_t begun = 0;
    all[1].on_stage = [&, cancel = all[1].cancel](const std::string&) {
      if (stages.at(begun++) == cancelled_in) cancel.cancel();
    };
    const auto made = pipeline.make(all);
    ASSERT_TRUE(made[1].error);
    EXPECT_EQ(made[1].error->code(), ErrorCode::kCancelled);
    for (const size_t i : {0, 2}) {
      ASSERT_FALSE(made[i].error) << made[i].error->what();
      EXPECT_TRUE(same(made[i].bits(), reference(static_cast<int>(i), 7, Until::kMesh)));
    }
  }
}

TEST_F(Overlap, PicturesOfABatchAreThoseThatAreMadeAlone) {
  for (const int batch : {2, 3, 4}) {
    SCOPED_TRACE(batch);
    TinyPipeline pipeline(1);
    pipeline.adapt = [batch](Plan& plan) { plan.groups.at(0).batch = batch; };
    const auto made = pipeline.make(pictures(4));
    expect_nearly(made, [&](size_t i) -> const MeshBits& {
      return reference(static_cast<int>(i) % 3, 7 + static_cast<int>(i) / 3);
    });
    for (const Made& one : made) EXPECT_FALSE(one.error);
    for (const StageRun& stage : made[0].stages) EXPECT_EQ(stage.batch, batch) << stage.stage;
  }
}

/// One of a batch is cancelled when its network begins: it leaves between two layers.
TEST_F(Overlap, OneOfABatchIsCancelledAndTheOthersGoOn) {
  for (const char* stage : {"condition", "diffusion", "decode", "reconstruct"}) {
    SCOPED_TRACE(stage);
    TinyPipeline pipeline(1);
    pipeline.adapt = [](Plan& plan) { plan.groups.at(0).batch = 3; };
    const auto all = pictures(3);
    auto watched = all;
    std::atomic<bool> is_there = false;
    pipeline.watch = [&](const std::string& now, Moment moment, const Worker&) {
      if (now == stage && moment == Moment::kStart) is_there = true;
    };
    watched[1].on_progress = [&, cancel = all[1].cancel](double) {
      if (is_there) cancel.cancel();
    };
    const auto made = pipeline.make(watched);
    ASSERT_TRUE(made[1].error) << "it was finished all the same";
    EXPECT_EQ(made[1].error->code(), ErrorCode::kCancelled);
    EXPECT_FALSE(made[0].error || made[2].error);
    expect_nearly(made, [&](size_t i) -> const MeshBits& { return reference(static_cast<int>(i)); });
  }
}

/// A want of memory makes the batch smaller, and nothing else.
TEST_F(Overlap, ABatchThatDoesNotFitIsCut) {
  for (const char* stage : {"condition", "decode", "reconstruct"}) {
    SCOPED_TRACE(stage);
    TinyPipeline pipeline(1);
    pipeline.adapt = [](Plan& plan) { plan.groups.at(0).batch = 4; };
    std::atomic<int> calls = 0;
    pipeline.watch = [&](const std::string& now, Moment moment, const Worker&) {
      if (now == stage && moment == Moment::kStart && ++calls == 1) fail_allocation(3);
    };
    const auto made = pipeline.make(pictures(4));
    fail_allocation(0);
    expect_nearly(made, [&](size_t i) -> const MeshBits& {
      return reference(static_cast<int>(i) % 3, 7 + static_cast<int>(i) / 3);
    });
    for (const Made& one : made) {
      EXPECT_FALSE(one.error);
      EXPECT_TRUE(one.notes.empty()) << one.notes[0];
      for (const StageRun& run : one.stages) EXPECT_EQ(run.batch, run.stage == stage ? 2 : 4) << run.stage;
    }
  }
}

/// Through the engine, as people see it: two shares of the processor, of which the first stands in for a
/// card.
TEST_F(Overlap, TheLogAndTheResultSayIt) {
  Engine engine(tiny_options("cpu*2@3GiB", 2, "stage"));
  engine.pause();
  std::vector<Job> jobs;
  for (int i = 0; i < 3; ++i) {
    GenerateRequest request = tiny_request(i);
    request.settings.precision = "bf16";
    jobs.push_back(engine.submit(std::move(request)));
  }
  engine.resume();
  for (const Job& job : jobs) {
    ASSERT_TRUE(job.wait(120));
    ASSERT_NE(job.result(), nullptr) << job.error()->what();
    EXPECT_THAT(job.result()->plan, testing::HasSubstr("overlap pictures"));
    ASSERT_TRUE(job.result()->speed_up);
    EXPECT_GT(job.result()->speed_up->expected, 1);
    EXPECT_GT(job.result()->speed_up->reached, 0);
  }
}

}  // namespace
}  // namespace relievo

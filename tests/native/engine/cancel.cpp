// Tests cancelling at every tick of a job's progress.
#include "tiny_pipeline.h"

namespace relievo {
namespace {

using Cancel = TinyPipelineTest;

/// A picture that counts its ticks and the stages that it enters, and is cancelled at the tick `stop_at`.
struct Counted {
  explicit Counted(int stop_at) {
    picture.request = tiny_request(0);
    picture.on_progress = [this, stop_at](double) {
      const int tick = ++ticks;
      if (picture.cancel.cancelled()) ++ticks_after;
      if (tick == stop_at) picture.cancel.cancel();
    };
    picture.on_stage = [this](const std::string&) {
      if (picture.cancel.cancelled()) ++stages_after;
    };
  }
  TinyPicture picture;
  std::atomic<int> ticks = 0, ticks_after = 0, stages_after = 0;
};

/// Several layers or chunks may be at work when the wish comes, but none begins after it has been seen.
constexpr int kTicksToSeeIt = 1;

void cancel_at(TinyPipeline& pipeline, int tick, const MeshBits& expected) {
  SCOPED_TRACE(tick);
  Counted counted(tick);
  const auto made = pipeline.make({counted.picture, {tiny_request(1)}});
  ASSERT_TRUE(counted.picture.cancel.cancelled());
  ASSERT_TRUE(made[0].error) << "it was finished all the same";
  EXPECT_EQ(made[0].error->code(), ErrorCode::kCancelled);
  EXPECT_EQ(made[0].delivered, 1);
  EXPECT_LE(counted.ticks_after, kTicksToSeeIt);
  EXPECT_EQ(counted.stages_after, 0);
  ASSERT_FALSE(made[1].error) << made[1].error->what();
  EXPECT_TRUE(same(made[1].bits(), expected));
}

int ticks_of_a_whole_picture(TinyPipeline& pipeline) {
  Counted counted(-1);
  EXPECT_FALSE(pipeline.make_one(counted.picture).error);
  return counted.ticks;
}

/// The job is cancelled at every tick with RELIEVO_EVERY_ALLOCATION=1, and at some of them without.
TEST_F(Cancel, AtATickEndsTheJobAndNotItsNeighbour) {
  TinyPipeline pipeline(1);
  const int ticks = ticks_of_a_whole_picture(pipeline);
  ASSERT_GT(ticks, 20);
  // The last tick is the end of the work.
  const int stride = tries_every_fault() ? 1 : 37;
  for (int tick = 1; tick < ticks; tick += stride) cancel_at(pipeline, tick, reference(1));

  TinyPipeline whole(1, Strategy::kSingle, Until::kMesh);
  const int all_ticks = ticks_of_a_whole_picture(whole);
  ASSERT_GT(all_ticks, ticks + 5);
  for (int tick = ticks; tick < all_ticks; tick += tries_every_fault() ? 1 : 8) {
    cancel_at(whole, tick, reference(1, 7, Until::kMesh));
  }
}

TEST_F(Cancel, WhereWorkersWorkTogether) {
  for (const Strategy strategy : {Strategy::kStage, Strategy::kGuidance, Strategy::kSplit}) {
    SCOPED_TRACE(static_cast<int>(strategy));
    TinyPipeline pipeline(2, strategy);
    const int ticks = ticks_of_a_whole_picture(pipeline);
    const Made undisturbed = pipeline.make_one({tiny_request(1)});
    ASSERT_FALSE(undisturbed.error);
    const int stride = tries_every_fault() ? 1 : 53;
    for (int tick = 1; tick < ticks; tick += stride) cancel_at(pipeline, tick, undisturbed.bits());
  }
}

/// The job is cancelled as a person does it: from another thread, by its handle.
TEST_F(Cancel, OfAJobAtAnyStageLeavesTheEngineWell) {
  Engine engine(tiny_options());
  GenerateRequest request = tiny_request();
  request.settings.precision = "bf16";
  const Job undisturbed = engine.submit(request);
  ASSERT_TRUE(undisturbed.wait(60));
  const MeshBits expected(undisturbed.result()->mesh);
  for (const double fraction : {0.0, 0.02, 0.5, 0.9}) {
    const Job job = engine.submit(request), next = engine.submit(request);
    while (job.status().fraction < fraction && !job.wait(0)) std::this_thread::yield();
    job.cancel();
    ASSERT_TRUE(job.wait(60) && next.wait(60));
    EXPECT_NE(job.status().state, JobState::kFailed);
    ASSERT_NE(next.result(), nullptr);
    EXPECT_TRUE(same(MeshBits(next.result()->mesh), expected));
  }
}

}  // namespace
}  // namespace relievo

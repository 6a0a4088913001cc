// Workers share a picture in every stage: the same bits, whatever befalls one of them.
#include <thread>

#include <gmock/gmock.h>

#include "tiny_pipeline.h"

namespace relievo {
namespace {

using testing::Contains;
using testing::HasSubstr;

class SharedPictures : public TinyPipelineTest {
 protected:
  /// Has every worker share every stage that can be shared: the diffusion by strips, which keep the bits. The
  /// networks' weights stay, or come in by layer.
  static void share_all(TinyPipeline& pipeline, bool streamed = false) {
    const auto names = pipeline.stage_names();
    pipeline.adapt = [names, streamed](Plan& plan) {
      DeviceGroup& group = plan.groups.at(0);
      group.batch = 1;  // products of matrices round otherwise for two pictures
      for (StagePlacement& placement : group.stages) {
        if (names[static_cast<size_t>(placement.stage)] == "foreground") continue;
        const bool is_diffusion = names[static_cast<size_t>(placement.stage)] == "diffusion";
        placement.workers = group.workers;
        if (is_diffusion) placement.part_kind = PartKind::kStrips;
        const bool is_divided =
            placement.part_kind == PartKind::kStrips || placement.part_kind == PartKind::kTokens;
        placement.parts = std::vector<int>(is_divided ? group.workers.size() : 0, 1);
        placement.mode.streamed = streamed && is_network(names[static_cast<size_t>(placement.stage)]);
      }
    };
  }
  static bool is_network(const std::string& stage) {
    return stage == "condition" || stage == "diffusion" || stage == "reconstruct";
  }

  /// Calls `body` with every stage that workers share, and whether its weights come in by layer.
  template <typename Body>
  static void in_every_shared_stage(const Body& body) {
    for (const char* stage : {"condition", "diffusion", "decode", "reconstruct", "surface", "texture"}) {
      for (const bool streamed : {false, true}) {
        if (streamed && !is_network(stage)) continue;
        SCOPED_TRACE(std::string(stage) + (streamed ? ", streamed" : ""));
        body(std::string(stage), streamed);
      }
    }
  }
  static Until until_of(const std::string& stage) {
    return stage == "texture" ? Until::kMesh : Until::kSurface;
  }
};

TEST_F(SharedPictures, HaveTheBitsOfOneWorker) {
  for (const int workers : {2, 3}) {
    SCOPED_TRACE(workers);
    TinyPipeline pipeline(workers, Strategy::kGuidance, Until::kMesh);
    share_all(pipeline);
    std::mutex mutex;
    std::map<std::string, std::set<std::string>> inside;  // workers by stage
    pipeline.watch = [&](const std::string& stage, Moment moment, const Worker& worker) {
      const std::lock_guard lock(mutex);
      if (moment == Moment::kInside) inside[stage].insert(worker.name);
    };
    const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}});
    for (const int kind : {0, 1}) {
      const Made& one = made[static_cast<size_t>(kind)];
      ASSERT_FALSE(one.error) << one.error->what();
      EXPECT_TRUE(same(one.bits(), reference(kind, 7, Until::kMesh))) << kind;
    }
    for (const char* stage : {"condition", "diffusion", "decode", "reconstruct", "surface", "texture"}) {
      EXPECT_EQ(inside[stage].size(), static_cast<size_t>(workers)) << stage;
    }
  }
}

TEST_F(SharedPictures, ThePlannerSharesThemByItself) {
  TinyPipeline pipeline(2, Strategy::kGuidance, Until::kMesh);
  const Made made = pipeline.make_one({tiny_request()});
  ASSERT_FALSE(made.error) << made.error->what();
  std::map<std::string, std::string> ways;
  const auto names = pipeline.stage_names();
  for (const StagePlacement& placement : pipeline.plan.groups.at(0).stages) {
    if (placement.workers.size() > 1)
      ways[names[static_cast<size_t>(placement.stage)]] = part_name(placement.part_kind);
  }
  const std::map<std::string, std::string> expected{
      {"condition", "networks"}, {"diffusion", "halves of guidance"},
      {"decode", "strips"},      {"reconstruct", "tokens"},
      {"surface", "points"},     {"texture", "points"}};
  EXPECT_EQ(ways, expected);
  EXPECT_THAT(pipeline.plan.reasons, Contains(HasSubstr("decode by strips")));
}

TEST_F(SharedPictures, InHalfPrecisionTheyHaveTheBitsOfOneWorkerToo) {
  GenerateRequest request = tiny_request();
  request.settings.precision = "bf16";
  const Made alone = TinyPipeline(1, Strategy::kSingle, Until::kSurface).make_one({request});
  TinyPipeline pipeline(2, Strategy::kGuidance, Until::kSurface);
  share_all(pipeline);
  const Made shared = pipeline.make_one({request});
  ASSERT_FALSE(shared.error) << shared.error->what();
  EXPECT_TRUE(same(shared.bits(), alone.bits()));
}

TEST_F(SharedPictures, AWorkerThatIsLostInAPartIsDroppedAndThePictureIsMade) {
  in_every_shared_stage([&](const std::string& stage, bool streamed) {
    for (const int dying : {0, 1}) {
      SCOPED_TRACE(dying);
      TinyPipeline pipeline(2, Strategy::kGuidance, until_of(stage));
      share_all(pipeline, streamed);
      std::atomic<bool> is_dead = false;
      pipeline.watch = [&](const std::string& now, Moment moment, const Worker& worker) {
        const bool is_it = worker.name == "cpu#" + std::to_string(dying);
        if (now != stage || moment != Moment::kInside || !is_it || is_dead.exchange(true)) return;
        throw Error(ErrorCode::kDeviceLost, "fell off the bus");
      };
      const Made made = pipeline.make_one({tiny_request()});
      ASSERT_FALSE(made.error) << made.error->what();
      EXPECT_TRUE(is_dead);
      EXPECT_EQ(made.delivered, 1);
      EXPECT_EQ(pipeline.executor().lost_workers(), std::vector<int>{dying});
      EXPECT_TRUE(same(made.bits(), reference(0, 7, until_of(stage))));
    }
  });
}

TEST_F(SharedPictures, MemoryThatIsShortInAPartOnceIsNoReasonToFail) {
  in_every_shared_stage([&](const std::string& stage, bool streamed) {
    TinyPipeline pipeline(2, Strategy::kGuidance, until_of(stage));
    share_all(pipeline, streamed);
    std::atomic<bool> is_told = false;
    pipeline.watch = [&](const std::string& now, Moment moment, const Worker& worker) {
      if (now != stage || moment != Moment::kInside || worker.name != "cpu#1" || is_told.exchange(true))
        return;
      throw Error(ErrorCode::kOutOfMemory, "no room");
    };
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_TRUE(is_told);
    EXPECT_EQ(made.delivered, 1);
  });
}

TEST_F(SharedPictures, AWorkerTenTimesSlowerThanPredictedDelaysNothingElse) {
  for (const bool streamed : {false, true}) {
    SCOPED_TRACE(streamed);
    TinyPipeline pipeline(2, Strategy::kGuidance);
    share_all(pipeline, streamed);
    pipeline.watch = [](const std::string&, Moment moment, const Worker& worker) {
      if (moment == Moment::kInside && worker.name == "cpu#1")
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_TRUE(same(made.bits(), reference()));
  }
}

TEST_F(SharedPictures, ACancelEndsThePictureInEveryStage) {
  in_every_shared_stage([&](const std::string& stage, bool streamed) {
    TinyPipeline pipeline(2, Strategy::kGuidance, until_of(stage));
    share_all(pipeline, streamed);
    const TinyPicture cancelled{tiny_request(0)}, other{tiny_request(1)};
    pipeline.watch = [&](const std::string& now, Moment moment, const Worker&) {
      if (now == stage && moment == Moment::kInside) cancelled.cancel.cancel();
    };
    const auto made = pipeline.make({cancelled, other});
    ASSERT_TRUE(made[0].error);
    EXPECT_EQ(made[0].error->code(), ErrorCode::kCancelled);
    ASSERT_FALSE(made[1].error) << made[1].error->what();
    EXPECT_TRUE(same(made[1].bits(), reference(1, 7, until_of(stage))));
  });
}

/// Two shares, of which the small one turns out to be too small for a stage.
TEST_F(SharedPictures, AStageThatHasNoRoomGoesToTheRoomierWorkerAndThePictureGoesOn) {
  std::vector<Worker> workers(2);
  constexpr int64_t kGiB = int64_t{1} << 30;
  for (size_t i = 0; i < 2; ++i) {
    workers[i].name = "cpu#" + std::to_string(i);
    workers[i].budget_bytes = (i == 0 ? 40 : 400) * kGiB;
  }
  for (const char* stage : {"decode", "reconstruct", "surface"}) {
    SCOPED_TRACE(stage);
    TinyPipeline pipeline(workers, Strategy::kSingle, Until::kMesh);
    std::mutex mutex;
    std::map<std::string, std::vector<std::string>> began;  // workers by stage
    pipeline.watch = [&, stage = std::string(stage)](const std::string& now, Moment moment,
                                                     const Worker& worker) {
      const std::lock_guard lock(mutex);
      if (moment == Moment::kStart) began[now].push_back(worker.name);
      if (now == stage && moment == Moment::kStart && worker.name == "cpu#0")
        throw Error(ErrorCode::kOutOfMemory, "no room");
    };
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_TRUE(same(made.bits(), reference(0, 7, Until::kMesh)));
    EXPECT_THAT(made.notes, Contains(HasSubstr("planned again")));
    EXPECT_EQ(began["condition"].size(), 1U) << "what was made before is not made again";
    EXPECT_EQ(began[stage].back(), "cpu#1");
  }
}

/// Weights that come in by layer give the same bits, alone and where workers share the picture.
TEST_F(SharedPictures, StreamedWeightsKeepTheBits) {
  for (const int workers : {1, 2}) {
    SCOPED_TRACE(workers);
    TinyPipeline pipeline(workers, workers == 1 ? Strategy::kSingle : Strategy::kGuidance);
    share_all(pipeline);
    const auto shared = pipeline.adapt;
    pipeline.adapt = [&](Plan& plan) {
      if (workers > 1) shared(plan);
      for (StagePlacement& placement : plan.groups.at(0).stages) {
        const std::string name = pipeline.stage_names()[static_cast<size_t>(placement.stage)];
        const bool is_network = name == "condition" || name == "diffusion" || name == "reconstruct";
        if (is_network) placement.mode.streamed = true;
      }
    };
    const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}});
    for (const int kind : {0, 1}) {
      const Made& one = made[static_cast<size_t>(kind)];
      ASSERT_FALSE(one.error) << one.error->what();
      EXPECT_TRUE(same(one.bits(), reference(kind)));
      EXPECT_THAT(one.notes, Contains(HasSubstr("layer by layer")));
    }
  }
}

}  // namespace
}  // namespace relievo

// A worker dies, in each stage in turn.
#include <stdexcept>

#include "tiny_pipeline.h"

namespace relievo {
namespace {

using LostWorkers = TinyPipelineTest;

std::string name_of(Moment moment) {
  constexpr const char* kNames[] = {"load", "start", "inside", "end"};
  return kNames[static_cast<size_t>(moment)];
}

/// Lets the first worker that gets there die, once.
class Death {
 public:
  Death(TinyPipeline& pipeline, std::string stage, Moment moment, std::string only_worker = "")
      : stage_(std::move(stage)), moment_(moment), only_worker_(std::move(only_worker)) {
    pipeline.watch = [this](const std::string& stage_now, Moment moment_now, const Worker& worker) {
      if (stage_now != stage_ || moment_now != moment_) return;
      if (!only_worker_.empty() && worker.name != only_worker_) return;
      const std::lock_guard lock(mutex_);
      if (!worker_.empty()) return;
      worker_ = worker.name;
      throw Error(ErrorCode::kDeviceLost, "fell off the bus");
    };
  }
  int worker() const { return worker_.empty() ? -1 : worker_.back() - '0'; }

 private:
  std::string stage_;
  Moment moment_;
  std::string only_worker_;
  std::mutex mutex_;
  std::string worker_;
};

void expect_made_once(const std::vector<Made>& made) {
  for (const Made& one : made) {
    ASSERT_FALSE(one.error) << one.error->what();
    ASSERT_TRUE(one.result || one.surface);
    EXPECT_EQ(one.delivered, 1);
  }
}

TEST_F(LostWorkers, PicturesAreMadeOnTheOtherOneExactlyOnce) {
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage}) {
    const auto stages = TinyPipeline(2, strategy, Until::kMesh).stage_names();
    for (size_t i = 0; i < stages.size(); ++i) {
      for (const Moment moment : {Moment::kLoad, Moment::kStart, Moment::kEnd}) {
        // The worker that comes here varies, but in any case it dies in a call of each stage.
        const bool is_turn = (i % 2 == 1) == (moment == Moment::kStart);
        if (!is_turn && !tries_every_fault()) continue;
        SCOPED_TRACE(std::to_string(static_cast<int>(strategy)) + " " + stages[i] + " " + name_of(moment));
        const Until until = stages[i] == "texture" ? Until::kMesh : Until::kSurface;
        TinyPipeline pipeline(2, strategy, until);
        const Death death(pipeline, stages[i], moment);
        const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}});
        ASSERT_NE(death.worker(), -1);
        EXPECT_EQ(pipeline.executor().lost_workers(), std::vector<int>{death.worker()});
        expect_made_once(made);
        EXPECT_TRUE(same(made[0].bits(), reference(0, 7, until)));
        EXPECT_TRUE(same(made[1].bits(), reference(1, 7, until)));
      }
    }
  }
}

TEST_F(LostWorkers, WhereWorkersShareAPictureTheRightOneIsDropped) {
  const std::pair<Strategy, std::vector<const char*>> cases[] = {
      {Strategy::kGuidance, {"diffusion"}}, {Strategy::kSplit, {"diffusion", "reconstruct"}}};
  for (const auto& [strategy, stages] : cases) {
    for (const char* stage : stages) {
      for (const Moment moment : {Moment::kLoad, Moment::kInside}) {
        for (const int dying : {0, 1}) {
          SCOPED_TRACE(std::to_string(static_cast<int>(strategy)) + " " + stage + " " + name_of(moment) +
                       " " + std::to_string(dying));
          TinyPipeline pipeline(2, strategy);
          const Death death(pipeline, stage, moment, "cpu#" + std::to_string(dying));
          const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}});
          ASSERT_EQ(death.worker(), dying);
          EXPECT_EQ(pipeline.executor().lost_workers(), std::vector<int>{dying});
          expect_made_once(made);
          EXPECT_TRUE(same(made[1].bits(), reference(1))) << "it was made after the loss";
        }
      }
    }
  }
}

TEST_F(LostWorkers, WithoutAnotherThePicturesSaySo) {
  for (const std::string& stage : TinyPipeline(1, Strategy::kSingle, Until::kMesh).stage_names()) {
    for (const Moment moment : {Moment::kLoad, Moment::kStart}) {
      SCOPED_TRACE(stage + " " + name_of(moment));
      TinyPipeline pipeline(1, Strategy::kSingle, Until::kMesh);
      const Death death(pipeline, stage, moment);
      for (int run = 0; run < 2; ++run) {  // the second begins without a worker
        for (const Made& made : pipeline.make({{tiny_request(0)}, {tiny_request(1)}})) {
          ASSERT_TRUE(made.error);
          EXPECT_EQ(made.error->code(), ErrorCode::kDeviceLost);
          EXPECT_FALSE(made.error->hint().empty());
          EXPECT_EQ(made.delivered, 1);
        }
      }
    }
  }
}

/// Runs through the engine, whose jobs come one by one.
TEST_F(LostWorkers, JobsEndAndLaterOnesAreNotKeptWaiting) {
  const MakeMeshField make = make_mesh_field();
  make_mesh_field() = [](at::Tensor, std::shared_ptr<const MeshHeads>) -> std::shared_ptr<const Field> {
    throw Error(ErrorCode::kDeviceLost, "fell off the bus");
  };
  Engine engine(tiny_options());
  GenerateRequest request = tiny_request();
  request.settings.precision = "bf16";
  for (int i = 0; i < 2; ++i) {
    const Job first = engine.submit(request), second = engine.submit(request);
    for (const Job& job : {first, second}) {
      ASSERT_TRUE(job.wait(60));
      ASSERT_TRUE(job.error());
      EXPECT_EQ(job.error()->code(), ErrorCode::kDeviceLost);
      EXPECT_FALSE(job.error()->hint().empty());
    }
  }
  make_mesh_field() = make;
  const Job job = engine.submit(request);
  ASSERT_TRUE(job.wait(60));
  EXPECT_EQ(job.status().state, JobState::kDone);
}

}  // namespace
}  // namespace relievo

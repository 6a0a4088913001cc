// Tests that a picture's planes are copied into a worker once for both surface and texture.
#include "engine/field_source.h"

#include <mutex>
#include <thread>

#include "tiny_pipeline.h"

namespace relievo {
namespace {

/// The last stages of the tiny pipeline on a picture whose planes are of another type than the field's,
/// so that bringing them into a worker is a copy on the CPU, too.
class PlanesOfAPicture : public TinyPipelineTest {
 protected:
  PlanesOfAPicture() {
    make_mesh_field() = [this](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
      const std::lock_guard lock(mutex_);
      asked_.push_back(planes);
      return std::make_shared<TinyField>(std::move(planes), std::move(heads));
    };
    const auto stages = make_stages({kTinyModel, false}, find_models({}));
    surface_ = stages[stages.size() - 3];
    simplify_ = stages[stages.size() - 2];
    texture_ = stages.back();
    for (const char* name : {"cpu#0", "cpu#1"}) {
      Worker worker;
      worker.name = name;
      worker.budget_bytes = int64_t{1} << 40;
      workers_.push_back(worker);
      for (const auto& stage : {surface_, texture_}) stage->load({worker, {}, 0, 0});
    }
  }

  PictureWork reconstructed() {
    auto job = std::make_shared<JobContext>();
    job->request = &request_;
    at::manual_seed(1);
    auto foreground = std::make_shared<Foreground>();
    foreground->image = Image(16, 16, 4);
    PictureWork work;
    work.job = std::move(job);
    work.made =
        ShapedPicture{{"checksum", foreground}, nullptr, Triplane{at::randn({3, 8, 16, 16}, at::kDouble)}};
    return work;
  }

  /// The planes that the fields of this call were made of, in any order.
  std::vector<at::Tensor> planes_asked(PipelineStage& stage, PictureWork& work,
                                       const std::vector<size_t>& workers) {
    asked_.clear();
    StageCall call;
    for (const size_t worker : workers) call.workers.push_back(workers_[worker]);
    call.set_runner([](const std::vector<size_t>& which, const std::function<void(size_t)>& body,
                       const std::function<void()>&) {
      std::vector<std::thread> threads;
      for (const size_t k : which) {
        if (k != 0) threads.emplace_back([&body, k] { body(k); });
      }
      body(0);
      for (std::thread& thread : threads) thread.join();
    });
    const auto run = [&](PipelineStage& one) {
      const std::any input = work;
      work = std::any_cast<PictureWork>(one.run(call, {&input, 1}).front());
      EXPECT_FALSE(work.error) << work.error->what();
    };
    if (&stage == texture_.get()) run(*simplify_);
    run(stage);
    return asked_;
  }

  std::shared_ptr<PipelineStage> surface_, simplify_, texture_;
  GenerateRequest request_ = tiny_request();

 private:
  std::mutex mutex_;
  std::vector<at::Tensor> asked_;
  std::vector<Worker> workers_;
};

bool has(const std::vector<at::Tensor>& tensors, const at::Tensor& wanted) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const at::Tensor& tensor) { return tensor.data_ptr() == wanted.data_ptr(); });
}

TEST_F(PlanesOfAPicture, AreCopiedIntoAWorkerOnceForSurfaceAndTexture) {
  PictureWork work = reconstructed();
  const auto meshed = planes_asked(*surface_, work, {0}), textured = planes_asked(*texture_, work, {0});
  ASSERT_EQ(meshed.size(), 1U);
  ASSERT_EQ(textured.size(), 1U);
  EXPECT_EQ(meshed[0].scalar_type(), at::kFloat);
  EXPECT_TRUE(has(meshed, textured[0]));
  EXPECT_TRUE(std::holds_alternative<FinishedPicture>(work.made));
}

TEST_F(PlanesOfAPicture, AreCopiedIntoEachWorkerThatSharesThePicture) {
  PictureWork work = reconstructed();
  const auto meshed = planes_asked(*surface_, work, {0, 1}), textured = planes_asked(*texture_, work, {0, 1});
  ASSERT_EQ(meshed.size(), 2U);
  ASSERT_EQ(textured.size(), 2U);
  EXPECT_NE(meshed[0].data_ptr(), meshed[1].data_ptr());
  for (const at::Tensor& planes : textured) EXPECT_TRUE(has(meshed, planes));
}

TEST_F(PlanesOfAPicture, AreCopiedAgainIntoAnotherWorker) {
  PictureWork work = reconstructed();
  const auto meshed = planes_asked(*surface_, work, {0}), textured = planes_asked(*texture_, work, {1});
  ASSERT_EQ(textured.size(), 1U);
  EXPECT_FALSE(has(meshed, textured[0]));
  EXPECT_TRUE(textured[0].equal(meshed[0]));
}

/// After a failure a stage gets the same picture again.
TEST_F(PlanesOfAPicture, AreNotKeptWithThePictureThatAStageWasGiven) {
  const PictureWork given = reconstructed();
  PictureWork work = given;
  planes_asked(*surface_, work, {0});
  EXPECT_TRUE(std::get<Triplane>(std::get<ShapedPicture>(given.made).shape).in_workers.empty());
}

}  // namespace
}  // namespace relievo

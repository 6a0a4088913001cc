// The whole pipeline on the stand-in's devices makes the mesh that the CPU makes.
#include <thread>

#include <gmock/gmock.h>

#include "fake_cuda.h"
#include "near_mesh.h"
#include "nn/noise.h"
#include "on_fake_gpus.h"
#include "runtime/torch/counting_allocator.h"
#include "runtime/torch/device_memory.h"

namespace relievo {
namespace {

/// The stand-in goes in front of the allocator for the CPU that is there at its first operator.
class CountFirst : public testing::Environment {
  void SetUp() override { install_counting_allocator(); }
};
const auto* const g_count_first = testing::AddGlobalTestEnvironment(new CountFirst);

/// Parts of one GPU, as cuda:0*2 asks for.
std::vector<Worker> half_gpus() {
  std::vector<Worker> workers = gpu_workers(2);
  for (Worker& worker : workers) worker.device = 0;
  workers[0].name = "cuda:0#0";
  workers[1].name = "cuda:0#1";
  return workers;
}

/// A GPU with threads of the processor beside it.
std::vector<Worker> gpu_with_side_threads() {
  std::vector<Worker> workers = gpu_workers(1);
  workers[0].side_threads = 2;
  return workers;
}

TEST_F(OnFakeGpus, OneDeviceMakesTheMeshOfTheCpu) {
  {
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    expect_near(made.bits(), reference(0, 7, Until::kMesh));
    EXPECT_THAT(made.notes, testing::IsEmpty());
  }
  EXPECT_GT(fake_cuda::operations_by_name(0)["kernel"], 0);
  EXPECT_EQ(fake_cuda::operations(1), 0);
  EXPECT_EQ(fake_cuda::allocated_bytes(0), 0) << "the executor is gone, and with it its tensors";
}

TEST_F(OnFakeGpus, InHalfPrecisionItMakesNearlyTheSameMesh) {
  for (const char* precision : {"bf16", "fp16"}) {
    SCOPED_TRACE(precision);
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
    GenerateRequest request = tiny_request();
    request.settings.precision = precision;
    const Made made = pipeline.make_one({request});
    ASSERT_FALSE(made.error) << made.error->what();
    constexpr double kCells = 3 * 2.0 / 20;  // as for half precision on the CPU, in same_mesh.cpp
    EXPECT_LT(distance(made.bits().vertices, reference(0, 7, Until::kMesh).vertices), kCells);
  }
}

TEST_F(OnFakeGpus, SeveralDevicesMakeTheMeshesOfTheCpu) {
  // With the devices that have something to do. (Tiny stages are best cut once.)
  const std::tuple<Strategy, std::vector<Worker>, int> cases[] = {
      {Strategy::kData, gpu_workers(2), 2},     {Strategy::kData, gpu_workers(3), 3},
      {Strategy::kStage, gpu_workers(2), 2},    {Strategy::kStage, gpu_workers(3), 2},
      {Strategy::kGuidance, gpu_workers(2), 2}, {Strategy::kSplit, gpu_workers(2), 2},
      {Strategy::kSplit, gpu_workers(3), 2},    {Strategy::kOffload, gpu_workers(1), 1},
      {Strategy::kData, half_gpus(), 1},        {Strategy::kStage, half_gpus(), 1}};
  for (const auto& [strategy, workers, devices] : cases) {
    SCOPED_TRACE(std::to_string(static_cast<int>(strategy)) + " on " + std::to_string(workers.size()) +
                 (workers[0].name == "cuda:0#0" ? " parts" : ""));
    fake_cuda::set_devices({{}, {}, {}});
    {
      TinyPipeline pipeline(workers, strategy, Until::kMesh);
      const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}, {tiny_request(2)}});
      for (int kind = 0; kind < 3; ++kind) {
        const Made& one = made[static_cast<size_t>(kind)];
        ASSERT_FALSE(one.error) << one.error->what();
        expect_near(one.bits(), reference(kind, 7, Until::kMesh));
      }
    }
    int used = 0;
    for (int device = 0; device < 3; ++device) {
      used += fake_cuda::operations(device) > 0;
      EXPECT_EQ(fake_cuda::allocated_bytes(device), 0) << device;
    }
    EXPECT_EQ(used, devices);
    EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty());
  }
}

/// Masks and textures have streams of their own, beside the one of the networks.
TEST_F(OnFakeGpus, TheProcessorsStagesOfOthersRunMeanwhile) {
  {
    TinyPipeline pipeline(gpu_with_side_threads(), Strategy::kSingle, Until::kMesh);
    const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}, {tiny_request(2)}});
    EXPECT_GT(pipeline.plan.groups.at(0).side_threads, 0);
    for (int kind = 0; kind < 3; ++kind) {
      const Made& one = made[static_cast<size_t>(kind)];
      ASSERT_FALSE(one.error) << one.error->what();
      expect_near(one.bits(), reference(kind, 7, Until::kMesh));
      EXPECT_TRUE(one.stages.front().on_side && one.stages.back().on_side);
    }
  }
  EXPECT_EQ(fake_cuda::allocated_bytes(0), 0);
}

TEST_F(OnFakeGpus, SeveralPicturesTogetherAreThoseOfTheCpu) {
  for (const int batch : {2, 3}) {
    SCOPED_TRACE(batch);
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kSurface);
    pipeline.adapt = [batch](Plan& plan) { plan.groups.at(0).batch = batch; };
    const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}, {tiny_request(2)}});
    for (int kind = 0; kind < 3; ++kind) {
      ASSERT_FALSE(made[size_t(kind)].error) << made[size_t(kind)].error->what();
      expect_near(made[size_t(kind)].bits(), reference(kind));
    }
    EXPECT_EQ(made[0].stages.at(3).batch, batch) << made[0].stages.at(3).stage;
  }
}

/// What other programs take and give back changes what a worker may have, while its models are loaded.
TEST_F(OnFakeGpus, ABudgetFollowsTheMemoryThatIsFree) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  fake_cuda::set_devices({{.bytes = 16 * kGiB, .others_bytes = 8 * kGiB}});
  std::vector<Worker> workers = gpu_workers(1);
  workers[0].budget_bytes = 8 * kGiB;
  workers[0].follows_memory = true;
  const WorkerHooks hooks = make_worker_hooks(workers);
  std::thread([&] {
    hooks.enter(workers[0]);
    EXPECT_EQ(hooks.memory(workers[0]).budget_bytes, 8 * kGiB);
    const at::TensorOptions bytes = at::TensorOptions(at::Device(at::kCUDA, 0)).dtype(at::kByte);
    const at::Tensor models = at::empty({2 * kGiB}, bytes);
    EXPECT_EQ(hooks.memory(workers[0]).used_bytes, 2 * kGiB);
    EXPECT_EQ(hooks.memory(workers[0]).budget_bytes, 8 * kGiB) << "what it holds itself is its own";
    fake_cuda::hold_for_others(0, 2 * kGiB);
    EXPECT_EQ(hooks.memory(workers[0]).budget_bytes, 14 * kGiB);
    EXPECT_EQ(fake_cuda::limit_bytes(0), 14 * kGiB) << "the allocator may take it";
    fake_cuda::hold_for_others(0, 12 * kGiB);
    EXPECT_EQ(hooks.memory(workers[0]).budget_bytes, 4 * kGiB);
    EXPECT_THROW(at::empty({3 * kGiB}, bytes), c10::OutOfMemoryError);
    workers[0].follows_memory = false;
    fake_cuda::hold_for_others(0, 0);
    EXPECT_EQ(hooks.memory(workers[0]).budget_bytes, 4 * kGiB) << "it was asked for";
  }).join();
}

TEST_F(OnFakeGpus, ACpuBesideThemAndBeforeThem) {
  const MeshBits on_the_cpu = reference();  // before the first use of a GPU, or after: both are good
  std::vector<Worker> workers = gpu_workers(1);
  Worker& cpu = workers.emplace_back();
  cpu.name = "cpu";
  cpu.budget_bytes = int64_t{1} << 40;
  cpu.speed = workers[0].speed;  // it gets its part
  TinyPipeline pipeline(workers, Strategy::kData, Until::kSurface);
  const auto made =
      pipeline.make({{tiny_request(0)}, {tiny_request(1)}, {tiny_request(0)}, {tiny_request(1)}});
  for (size_t i = 0; i < made.size(); ++i) {
    ASSERT_FALSE(made[i].error) << made[i].error->what();
    expect_near(made[i].bits(), reference(int(i) % 2));
  }
  EXPECT_TRUE(same(TinyPipeline(1).make_one({tiny_request()}).bits(), on_the_cpu));
}

/// What other parts hold of the device is not this part's: its budget for chunks stays what it is.
TEST_F(OnFakeGpus, APartOfADeviceIsNotNarrowedByTheOthers) {
  constexpr int64_t kBudget = int64_t{64} << 30;
  const auto operations_beside = [](int64_t others_bytes) {
    fake_cuda::set_devices({{.bytes = 4 * kBudget}});
    const at::Tensor others =
        at::empty({others_bytes}, at::TensorOptions(at::Device(at::kCUDA, 0)).dtype(at::kByte));
    std::vector<Worker> workers = gpu_workers(1);
    workers[0].budget_bytes = kBudget;
    TinyPipeline pipeline(workers, Strategy::kSingle, Until::kSurface);
    const Made made = pipeline.make_one({tiny_request()});
    EXPECT_FALSE(made.error) << made.error->what();
    return fake_cuda::operations(0);
  };
  EXPECT_EQ(operations_beside(kBudget), operations_beside(1));
}

/// By the plan, as the executor would take them.
TEST_F(OnFakeGpus, EveryFallbackMakesTheMeshOfTheCpu) {
  for (const Fallbacks& fallbacks : {Fallbacks{.chunked = true}, Fallbacks{.chunked = true, .tiled = true},
                                     Fallbacks{.chunked = true, .tiled = true, .streamed = true}}) {
    SCOPED_TRACE(fallbacks.streamed ? "streamed" : fallbacks.tiled ? "tiled" : "chunked");
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
    pipeline.adapt = [&](Plan& plan) { pipeline.force(plan.groups.at(0), fallbacks); };
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_THAT(made.notes, testing::Not(testing::IsEmpty()));
    expect_near(made.bits(), reference(0, 7, Until::kMesh));
  }
}

TEST_F(OnFakeGpus, WantOfMemoryKeepsWhatTorchSaysAndNamesWhatHelpsTheStage) {
  const std::pair<std::string, const char*> cases[] = {{"diffusion", "--input-size"},
                                                       {"decode", "--input-size"},
                                                       {"reconstruct", "--view-count"},
                                                       {"surface", "--grid"},
                                                       {"texture", "--texture-size"}};
  for (const auto& [stage, option] : cases) {
    SCOPED_TRACE(stage);
    fake_cuda::set_devices({{}, {}, {}});
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh, /*allow_lossy=*/true);
    pipeline.watch = [stage = stage](const std::string& now, Moment moment, const Worker&) {
      if (now == stage && moment == Moment::kStart) fake_cuda::fail_allocation(0, 1, int64_t{1} << 60);
    };
    const Made made = pipeline.make_one({tiny_request()});
    fake_cuda::fail_allocation(0, 0, 0);
    ASSERT_TRUE(made.error);
    EXPECT_EQ(made.error->code(), ErrorCode::kOutOfMemory);
    EXPECT_THAT(made.error->message(), testing::HasSubstr("Tried to allocate"));
    EXPECT_THAT(made.error->message(), testing::HasSubstr("is reserved by PyTorch but unallocated"));
    EXPECT_THAT(made.error->hint(), testing::HasSubstr(option));
    const bool is_of_the_mesh = stage == "surface" || stage == "texture";
    EXPECT_EQ(made.error->hint().find("--grid") != std::string::npos, is_of_the_mesh) << made.error->hint();
  }
}

TEST_F(OnFakeGpus, NoiseIsDrawnOnTheDevice) {
  static_cast<void>(draw_noise({.seed = 1}, 1, 0, {100}, at::Device(at::kCUDA, 0)));
  const auto operations = fake_cuda::operations_by_name(0);
  EXPECT_EQ(operations.at("kernel"), 1);
  EXPECT_FALSE(operations.contains("aten::copy_"));
}

/// What budgets of 6, 4, 3 and 2 GiB are to a pipeline that takes 8: those shares of what this one takes.
TEST_F(OnFakeGpus, ALimitOfTheDeviceLeadsToFallbacksOrIsSaid) {
  int64_t taken = 0;
  {
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
    ASSERT_FALSE(pipeline.make_one({tiny_request()}).error);
    taken = device_memory(0)->peak_reserved_bytes;
  }
  bool was_made = false, was_refused = false;
  for (const int eighths : {8, 6, 4, 3, 2, 1}) {
    SCOPED_TRACE(eighths);
    fake_cuda::set_devices({{}, {}, {}});
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
    limit_device_memory(0, taken * eighths / 8);
    const Made made = pipeline.make_one({tiny_request()});
    if (made.error) {
      was_refused = true;
      EXPECT_EQ(made.error->code(), ErrorCode::kOutOfMemory) << made.error->what();
      EXPECT_THAT(made.error->message(), testing::HasSubstr("Tried to allocate"));
      EXPECT_FALSE(made.error->hint().empty());
    } else {
      was_made = was_made || !made.notes.empty();
      expect_near(made.bits(), reference(0, 7, Until::kMesh));
    }
    EXPECT_LE(device_memory(0)->peak_reserved_bytes, taken * eighths / 8);
  }
  EXPECT_TRUE(was_made) << "with a fallback";
  EXPECT_TRUE(was_refused);
}

/// Once is no reason to fail; for ever is, in words that say so. Either way the next picture is made.
TEST_F(OnFakeGpus, MemoryMayRunOutAtAnyAllocation) {
  TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
  ASSERT_FALSE(pipeline.make_one({tiny_request()}).error);
  pipeline.renew_executor();
  const int64_t before = fake_cuda::allocations(0);
  ASSERT_FALSE(pipeline.make_one({tiny_request()}).error);
  const int64_t count = fake_cuda::allocations(0) - before;
  ASSERT_GT(count, 100);
  RecordProperty("allocations", static_cast<int>(count));
  constexpr int kTried = 8;
  const int64_t stride = tries_every_fault() ? fault_stride() : count / kTried;
  std::vector<std::pair<int64_t, int64_t>> tried;  // the first that fails, how many fail
  for (const int64_t times : {int64_t{1}, int64_t{1} << 60}) {
    for (int64_t n = stride / 2 + 1; n <= count; n += stride) tried.emplace_back(n, times);
  }
  int failed = 0;
  const LongRun run;
  for (size_t i = run.done(); i < tried.size(); ++i) {
    const auto [n, times] = tried[i];
    SCOPED_TRACE(std::to_string(n) + " of " + std::to_string(count) + ", " + std::to_string(times));
    pipeline.renew_executor();
    EXPECT_EQ(fake_cuda::allocated_bytes(0), 0);
    fake_cuda::fail_allocation(0, n, times);
    const Made made = pipeline.make_one({tiny_request()});
    fake_cuda::fail_allocation(0, 0, 0);
    if (made.error) {
      ++failed;
      EXPECT_NE(times, 1) << made.error->what();
      EXPECT_EQ(made.error->code(), ErrorCode::kOutOfMemory) << made.error->what();
      EXPECT_FALSE(made.error->hint().empty());
    } else {
      expect_near(made.bits(), reference(0, 7, Until::kMesh));
    }
    run.reached(i + 1);
  }
  EXPECT_TRUE(failed > 0 || run.done() > 0);
  const Made next = pipeline.make_one({tiny_request()});
  ASSERT_FALSE(next.error) << next.error->what();
  expect_near(next.bits(), reference(0, 7, Until::kMesh));
}

}  // namespace
}  // namespace relievo

#include "engine/shared_field.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/parallel.h"
#include "engine/costs.h"
#include "engine/pipeline.h"
#include "nn/errors.h"
#include "reconstruct/triplane_field.h"
#include "runtime/execute/execute.h"
#include "runtime/torch/worker_hooks.h"
#include "surface/surface.h"

namespace relievo {
namespace {

/// Lets no worker be more than a block ahead of the others, as long as these have not ended: each gets
/// blocks, however busy the machine is, and a worker that takes none is waited for in vain.
class Lockstep {
 public:
  explicit Lockstep(size_t workers) : calls_(workers), has_ended_(workers) {}

  void begin() {
    const std::lock_guard lock(mutex_);
    std::ranges::fill(calls_, 0);
    has_ended_.assign(has_ended_.size(), false);
  }
  void end(size_t worker) {
    const std::lock_guard lock(mutex_);
    has_ended_[worker] = true;
    changed_.notify_all();
  }
  void call(size_t worker) {
    std::unique_lock lock(mutex_);
    const int calls = ++calls_[worker];
    changed_.notify_all();
    const auto are_here = [&] {
      for (size_t other = 0; other < calls_.size(); ++other) {
        if (calls_[other] < calls - 1 && !has_ended_[other]) return false;
      }
      return true;
    };
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), are_here)) << "a worker takes no blocks";
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> calls_;
  std::vector<bool> has_ended_;
};

/// Random heads whose surface is a bent ball: the distance is the random head's, less a ball's.
class BentBall : public TriplaneMeshField {
 public:
  using TriplaneMeshField::TriplaneMeshField;

  std::function<void()> before = [] {};

  at::Tensor values(const at::Tensor& points) const override {
    before();
    asked += points.size(0);
    return 0.3 * TriplaneMeshField::values(points) + points.norm(2, -1) - 0.7;
  }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t) const override {
    return on_grid_by_points(line);
  }

  mutable std::atomic<int64_t> asked{0};
};

struct Triplane {
  at::Tensor planes;
  std::shared_ptr<const MeshHeads> heads;
};

Triplane random_triplane() {
  at::manual_seed(7);
  auto heads = std::make_shared<MeshHeads>(16);
  for (at::Tensor& parameter : heads->parameters()) parameter.set_data(0.2 * at::randn(parameter.sizes()));
  return {at::randn({3, 16, 32, 32}), heads};
}

/// Computes as a worker of one thread does: the way operators divide their work, and so how they round, is
/// then the same for all.
class OneThread {
 public:
  OneThread() {
    at::set_num_threads(1);
    set_parallel_threads(1);
  }
  ~OneThread() {
    at::set_num_threads(torch_);
    set_parallel_threads(ours_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int torch_ = at::get_num_threads(), ours_ = parallel_threads();
};

/// Makes `count` workers, each a thread of its own.
OnEveryWorker on_threads(size_t count) {
  return [count](const std::function<void(size_t)>& body) {
    std::vector<std::thread> threads;
    for (size_t k = 1; k < count; ++k) {
      threads.emplace_back([&body, k] {
        const at::NoGradGuard no_grad;
        const OneThread one_thread;
        body(k);
      });
    }
    body(0);
    for (std::thread& thread : threads) thread.join();
  };
}

template <typename Make>
std::shared_ptr<const Field> over(size_t workers, const Make& make) {
  std::vector<std::shared_ptr<const Field>> fields;
  for (size_t k = 0; k < workers; ++k) fields.push_back(make());
  return shared_field(fields, on_threads(workers));
}

TEST(SharedField, GivesTheBitsOfOneWorker) {
  const at::NoGradGuard no_grad;
  const OneThread one_thread;
  const Triplane triplane = random_triplane();
  const auto make = [&] { return std::make_shared<TriplaneMeshField>(triplane.planes, triplane.heads); };
  const std::shared_ptr<const Field> alone = make();
  const at::Tensor points = at::rand({50'001, 3}) * 2 - 1, corners = at::rand({9'001, 8, 3}) * 2 - 1;
  for (const size_t workers : {2, 3}) {
    const auto shared = over(workers, make);
    EXPECT_TRUE(shared->values(points).equal(alone->values(points))) << workers;
    EXPECT_TRUE(shared->deformation(points, 64).equal(alone->deformation(points, 64))) << workers;
    EXPECT_TRUE(shared->colours(points).equal(alone->colours(points))) << workers;
    EXPECT_TRUE(shared->cube_weights(corners).equal(alone->cube_weights(corners))) << workers;
  }
}

TEST(SharedField, GivesTheBitsOfOneWorkerOnAGrid) {
  const at::NoGradGuard no_grad;
  const OneThread one_thread;
  const Triplane triplane = random_triplane();
  const auto make = [&] { return std::make_shared<TriplaneMeshField>(triplane.planes, triplane.heads); };
  const at::Tensor line = at::linspace(-1.05, 1.05, 65);
  const auto alone = make()->on_grid(line, int64_t{1} << 40);
  const int64_t count = 65 * 65 * 65;
  const at::Tensor vertices = at::arange(count).slice(0, 0, count, 9);
  const at::Tensor corners = at::randint(count, {20'000, 8}, at::kLong);
  for (const size_t workers : {2, 3}) {
    const auto field = over(workers, make);
    const auto shared = field->on_grid(line, int64_t{1} << 40);
    EXPECT_EQ(shared->cubes_are_narrow(), alone->cubes_are_narrow());
    EXPECT_TRUE(shared->values(0, count).equal(alone->values(0, count))) << workers;
    EXPECT_TRUE(shared->values(777, 100'000).equal(alone->values(777, 100'000))) << workers;
    EXPECT_TRUE(shared->deformation(vertices).equal(alone->deformation(vertices))) << workers;
    EXPECT_TRUE(shared->cube_weights(corners).equal(alone->cube_weights(corners))) << workers;
  }
}

TEST(SharedField, EveryWorkerDoesItsPart) {
  const at::NoGradGuard no_grad;
  const Triplane triplane = random_triplane();
  constexpr size_t kWorkers = 3;
  Lockstep lockstep(kWorkers);
  std::vector<std::shared_ptr<const BentBall>> balls;
  std::vector<std::shared_ptr<const Field>> fields;
  for (size_t k = 0; k < kWorkers; ++k) {
    const auto ball = std::make_shared<BentBall>(triplane.planes, triplane.heads);
    ball->before = [&lockstep, k] { lockstep.call(k); };
    balls.push_back(ball);
    fields.push_back(ball);
  }
  const auto shared = shared_field(fields, [&](const std::function<void(size_t)>& body) {
    lockstep.begin();
    on_threads(kWorkers)([&](size_t k) {
      body(k);
      lockstep.end(k);
    });
  });
  const Surface surface = extract_surface(*shared, {.grid = 64}, {});
  const int64_t count = 65 * 65 * 65;
  int64_t asked = 0;
  for (const auto& ball : balls) {
    EXPECT_GT(ball->asked, count / 5) << "about a third, where all are equally fast";
    asked += ball->asked;
  }
  EXPECT_EQ(asked, count);
  const BentBall alone(triplane.planes, triplane.heads);
  const Surface expected = extract_surface(alone, {.grid = 64}, {});
  EXPECT_GT(surface.faces.size(), 1000U);
  EXPECT_EQ(surface.vertices, expected.vertices);
  EXPECT_EQ(surface.faces, expected.faces);
}

TEST(SharedField, AFailureOnOneWorkerComesOut) {
  class Failing : public BentBall {
   public:
    using BentBall::BentBall;
    at::Tensor values(const at::Tensor&) const override {
      throw Error(ErrorCode::kOutOfMemory, "No room for points.", "Ask for fewer.");
    }
  };
  const Triplane triplane = random_triplane();
  const std::vector<std::shared_ptr<const Field>> fields{
      std::make_shared<BentBall>(triplane.planes, triplane.heads),
      std::make_shared<Failing>(triplane.planes, triplane.heads)};
  // Passes an exception on as the runtime does: the first one is thrown again on the caller's thread.
  const auto shared = shared_field(fields, [](const std::function<void(size_t)>& body) {
    for (const size_t k : {0, 1}) body(k);
  });
  expect_error(ErrorCode::kOutOfMemory, "No room for points", [&] {
    shared->values(at::zeros({20'000, 3}));
  });
}

/// The preview of a disc on workers that are put together as `strategy` says.
std::shared_ptr<const GenerateResult> made_by(const std::string& devices, const std::string& strategy) {
  GenerateRequest request;
  request.bytes = profiling_picture(256, true);
  request.name = "ball";
  request.settings.mask = MaskKind::kAlpha;
  request.settings.grid = 64;
  request.settings.texture_size = 256;
  EngineOptions options;
  options.threads = 3;
  options.devices = devices;
  options.strategy = strategy;
  Engine engine(options);
  const Job job = engine.submit(request);
  EXPECT_TRUE(job.wait(60));
  if (job.error()) ADD_FAILURE() << job.error()->message();
  return job.result();
}

TEST(Points, AreDividedOverWorkersWithoutChangingTheMesh) {
  const auto alone = made_by("cpu*3", "single"), together = made_by("cpu*3", "guidance");
  ASSERT_TRUE(alone && together);
  std::string surface_workers;
  for (const StageReport& stage : together->stages) {
    if (stage.name == "surface" || stage.name == "texture") surface_workers += stage.device + " ";
  }
  EXPECT_EQ(surface_workers, "cpu#0+cpu#1+cpu#2 cpu#0+cpu#1+cpu#2 ");
  EXPECT_EQ(alone->mesh.surface.vertices, together->mesh.surface.vertices);
  EXPECT_EQ(alone->mesh.surface.faces, together->mesh.surface.faces);
  EXPECT_EQ(alone->albedo_png, together->albedo_png);
}

}  // namespace
}  // namespace relievo

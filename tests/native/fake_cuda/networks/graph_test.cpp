// A step of the denoising network as a graph: what it gives, what a step then costs the host, and what comes
// of a graph that fails.
#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gmock/gmock.h>

#include "../../multiview/tiny_model.h"
#include "../fake_cuda.h"
#include "base/error.h"
#include "multiview/unet_graph.h"
#include "nn/errors.h"

namespace relievo {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const at::Device kGpu(at::kCUDA, 0);

class GraphsOnFakeGpu : public testing::Test {
 protected:
  GraphsOnFakeGpu() {
    fake_cuda::set_devices({{}});
    const c10::impl::VirtualGuardImpl cuda(at::kCUDA);
    before_ = cuda.exchangeStream(cuda.getNewStream(kGpu));  // as each thread of a worker has one
    unet_ = made_on_gpu();
    for (int i = 0; i < 2; ++i) conditions_.push_back({at::randn({2, 4, 5, 5}), at::randn({2, 7, 24})});
    execution_.device = kGpu;
    settings_.steps = 6;
  }
  ~GraphsOnFakeGpu() override {
    c10::impl::VirtualGuardImpl(at::kCUDA).exchangeStream(before_);
    EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
    EXPECT_EQ(fake_cuda::graphs(0), 0);
  }

  static std::shared_ptr<const Unet> made_on_gpu() {
    at::manual_seed(5);
    auto unet = std::make_shared<Unet>(tiny_unet());
    fill_randomly(*unet);
    for (auto& item : unet->named_parameters()) item.value().set_data(item.value().to(kGpu));
    return unet;
  }

  std::vector<at::Tensor> run(std::shared_ptr<GpuGraphs> graphs,
                              const std::vector<CancelToken>& cancels = {}) const {
    const DenoiserPlaces places{.unets = {unet_}, .graphs = std::move(graphs)};
    return denoise(conditions_, std::vector<NoiseKey>{{.seed = 3}, {.seed = 4}}, places, {}, settings_,
                   execution_, cancels);
  }
  static int64_t launched() { return fake_cuda::operations_by_name(0)["graph"]; }
  static void expect_equal(const std::vector<at::Tensor>& made, const std::vector<at::Tensor>& expected) {
    ASSERT_EQ(made.size(), expected.size());
    for (size_t i = 0; i < made.size(); ++i) {
      ASSERT_EQ(made[i].defined(), expected[i].defined()) << i;
      if (made[i].defined()) {
        EXPECT_TRUE(made[i].equal(expected[i])) << i;
      }
    }
  }

  c10::Stream before_{c10::Stream::DEFAULT, kGpu};
  std::shared_ptr<const Unet> unet_;
  std::vector<Conditions> conditions_;
  MultiviewSettings settings_ = tiny_settings();
  Execution execution_;
};

TEST_F(GraphsOnFakeGpu, TheLatentsAreThoseOfTheCallsThemselves) {
  for (const auto sampler : {SamplerKind::kEulerAncestral, SamplerKind::kUniPC}) {
    settings_.sampler = sampler;
    const auto expected = run(nullptr);
    const int64_t before = launched();
    const auto graphs = std::make_shared<GpuGraphs>();
    expect_equal(run(graphs), expected);
    EXPECT_TRUE(graphs->are_wanted()) << graphs->why();
    EXPECT_EQ(launched() - before, settings_.steps - 1) << "the first step goes call by call";
  }
}

TEST_F(GraphsOnFakeGpu, AStepIsAFewCalls) {
  const auto calls_of = [&](int steps) {
    settings_.steps = steps;
    const int64_t before = fake_cuda::operations(0);
    run(std::make_shared<GpuGraphs>());
    return fake_cuda::operations(0) - before;
  };
  // Of each of two pictures: noise for its reference and for the sampler, two inputs, the sampler. For both:
  // three copies into what the graph reads, the graph, the prediction's precision.
  EXPECT_LE(calls_of(9) - calls_of(8), 2 * 5 + 3 + 1 + 1);
}

TEST_F(GraphsOnFakeGpu, APictureThatIsCancelledLeavesTheBatch) {
  const auto with_a_cancel = [&](std::shared_ptr<GpuGraphs> graphs) {
    const std::vector<CancelToken> cancels(2);
    execution_.control.progress = Progress([&](double fraction) {
      if (fraction > 0.4) cancels[0].cancel();
    });
    return run(std::move(graphs), cancels);
  };
  settings_.steps = 9;
  const auto expected = with_a_cancel(nullptr);
  ASSERT_FALSE(expected[0].defined());
  const int64_t before = launched();
  const auto graphs = std::make_shared<GpuGraphs>();
  expect_equal(with_a_cancel(graphs), expected);
  EXPECT_TRUE(graphs->are_wanted()) << graphs->why();
  EXPECT_EQ(launched() - before, settings_.steps - 2) << "one for each number of pictures";
}

TEST_F(GraphsOnFakeGpu, WhereAnythingOfAGraphFailsTheCallsThemselvesGoOn) {
  const auto expected = run(nullptr);
  using fake_cuda::GraphFault;
  for (const auto fault : {GraphFault::kBegin, GraphFault::kInstantiate, GraphFault::kLaunch}) {
    SCOPED_TRACE(static_cast<int>(fault));
    fake_cuda::fail_graphs(0, fault);
    const auto graphs = std::make_shared<GpuGraphs>();
    expect_equal(run(graphs), expected);
    EXPECT_FALSE(graphs->are_wanted());
    EXPECT_THAT(graphs->why(), HasSubstr("A CUDA graph could not be "));
    const int64_t before = launched();
    fake_cuda::fail_graphs(0, GraphFault::kNone);
    expect_equal(run(graphs), expected);
    EXPECT_EQ(launched(), before) << "never again";
  }
}

TEST_F(GraphsOnFakeGpu, MemoryThatRunsOutWhileItIsRecordedIsGivenBack) {
  const auto expected = run(nullptr);
  const int64_t before = fake_cuda::allocations(0);
  run(nullptr);
  const int64_t of_run = fake_cuda::allocations(0) - before;
  const auto graphs = std::make_shared<GpuGraphs>();
  // Somewhere in the second step: the graph's memory is no other's, so the run without one got by.
  fake_cuda::fail_allocation(0, of_run * 3 / 2 / settings_.steps, 1);
  const int64_t held = fake_cuda::allocated_bytes(0);
  expect_equal(run(graphs), expected);
  EXPECT_THAT(graphs->why(), HasSubstr("Tried to allocate"));
  EXPECT_EQ(fake_cuda::allocated_bytes(0), held);
}

/// What waits for the device breaks a recording, as CUDA says.
TEST_F(GraphsOnFakeGpu, ALayerThatWaitsForTheDeviceCannotBeRecorded) {
  const at::Tensor prompt = at::randn({2, 7, 24}, kGpu);
  const KeyValues states = unet_->prompt(prompt);
  const TimeShifts shifts = unet_->time_shifts(unet_->time_embeddings({500}));
  const auto walk = [&] {
    at::manual_seed(6);
    UnetWalk made;
    made.x = at::randn({2, 4, 12, 8}).to(kGpu);
    made.reference = at::randn({2, 4, 5, 5}).to(kGpu);
    return made;
  };
  UnetPass pass;
  pass.check = [&] { static_cast<void>(prompt.sum().item<float>()); };
  const auto graphs = std::make_shared<GpuGraphs>();
  UnetGraph graph(unet_, graphs);
  const at::Tensor first = graph.predict(walk(), states, shifts, 0, pass).cpu();
  EXPECT_TRUE(graph.predict(walk(), states, shifts, 0, pass).cpu().equal(first));
  EXPECT_FALSE(graph.is_recorded());
  EXPECT_THAT(graphs->why(), HasSubstr("not permitted when stream is capturing"));
}

TEST_F(GraphsOnFakeGpu, ACancelWhileItIsRecordedEndsTheRun) {
  const KeyValues states = unet_->prompt(at::randn({2, 7, 24}, kGpu));
  const TimeShifts shifts = unet_->time_shifts(unet_->time_embeddings({500}));
  const auto walk = [&] {
    UnetWalk made;
    made.x = at::randn({2, 4, 12, 8}, kGpu);
    return made;
  };
  const auto graphs = std::make_shared<GpuGraphs>();
  UnetGraph graph(unet_, graphs);
  UnetPass pass;
  graph.predict(walk(), states, shifts, 0, pass);
  int layers = 0;
  pass.check = [&] {
    if (++layers == 4) throw Error(ErrorCode::kCancelled, "Cancelled.");
  };
  EXPECT_THROW(graph.predict(walk(), states, shifts, 0, pass), Error);
  EXPECT_TRUE(graphs->are_wanted()) << "nothing is wrong with graphs";
  pass.check = [] {};
  EXPECT_TRUE(at::isfinite(graph.predict(walk(), states, shifts, 0, pass)).all().item<bool>());
  EXPECT_TRUE(graph.is_recorded()) << "the stream records no more, so it can begin again";
}

/// In the step that is recorded, and in one that is launched.
TEST_F(GraphsOnFakeGpu, ADeviceThatIsLostIsLostWithAGraphToo) {
  int64_t of_run = fake_cuda::operations(0);
  run(nullptr);
  of_run = fake_cuda::operations(0) - of_run;
  for (const int64_t n : {of_run * 3 / 2 / settings_.steps, of_run * 2 / settings_.steps + 30}) {
    SCOPED_TRACE(n);
    unet_.reset();
    fake_cuda::set_devices({{}});
    unet_ = made_on_gpu();
    fake_cuda::fail_operation(0, n);
    try {
      run(std::make_shared<GpuGraphs>());
      FAIL() << "was not lost";
    } catch (...) {
      const Error error = current_torch_error();
      EXPECT_EQ(error.code(), ErrorCode::kDeviceLost) << error.what();
    }
  }
}

}  // namespace
}  // namespace relievo

// Weights that come in layer by layer make the results of those that stay.
#include "nn/streamed_weights.h"

#include <atomic>
#include <mutex>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/layers.h"

namespace relievo {
namespace {

constexpr int64_t kLayers = 7, kWidth = 16;

/// A chain of layers, and a norm that stays.
struct Chain : torch::nn::Module {
  Chain() : norm(register_module("norm", std::make_shared<LayerNorm>(kWidth, 1e-5))) {
    for (int64_t i = 0; i < kLayers; ++i) {
      layers.push_back(
          register_module("layer" + std::to_string(i), std::make_shared<Linear>(kWidth, kWidth)));
    }
  }
  at::Tensor forward(at::Tensor x, const std::function<void(size_t)>& before = {}) const {
    x = norm->forward(x);
    for (size_t i = 0; i < layers.size(); ++i) {
      stream.need(i);
      if (before) before(i);
      x = layers[i]->forward(x);
    }
    return x;
  }
  /// Hands the weights over as load_strict does.
  std::shared_ptr<StreamedWeights> stream_from(const std::vector<at::Tensor>& stored) {
    auto weights = std::make_shared<StreamedWeights>();
    std::vector<StoredWeight> all;
    size_t at = 0;
    for (const auto& item : named_parameters()) all.push_back({item.value(), stored[at++]});
    weights->keep(std::move(all), "chain", {});
    std::vector<std::vector<at::Tensor>> by_layer;
    for (const auto& layer : layers) by_layer.push_back(layer->parameters());
    weights->set_layers(by_layer);
    stream = {weights};
    return weights;
  }
  std::vector<size_t> here() const {
    std::vector<size_t> found;
    for (size_t i = 0; i < layers.size(); ++i) {
      if (layers[i]->weight.storage().nbytes() > sizeof(float)) found.push_back(i);
    }
    return found;
  }

  std::shared_ptr<LayerNorm> norm;
  std::vector<std::shared_ptr<Linear>> layers;
  LayerStream stream;
};

class StreamedWeightsTest : public testing::Test {
 protected:
  StreamedWeightsTest() {
    at::manual_seed(2);
    for (const at::Tensor& values : Chain().parameters()) stored_.push_back(at::randn(values.sizes()) * 0.3);
    Chain whole;
    size_t at = 0;
    for (at::Tensor& values : whole.parameters()) values.set_data(stored_[at++]);
    expected_ = whole.forward(x_);
  }

  std::vector<at::Tensor> stored_;
  const at::Tensor x_ = at::randn({3, kWidth});
  at::Tensor expected_;
};

StreamedWeights::Beside on_another_thread() {
  return [](std::function<void()> task) { return std::async(std::launch::async, std::move(task)); };
}

TEST_F(StreamedWeightsTest, MakeTheSameTimeAfterTime) {
  const at::NoGradGuard no_grad;
  Chain chain;
  const auto weights = chain.stream_from(stored_);
  EXPECT_TRUE(chain.here().empty());
  EXPECT_TRUE(chain.norm->weight.equal(stored_[0])) << "what belongs to no layer stays";
  for (const bool beside : {true, false}) {
    weights->begin(beside ? on_another_thread() : StreamedWeights::Beside());
    for (int pass = 0; pass < 3; ++pass) EXPECT_TRUE(chain.forward(x_).equal(expected_)) << pass;
    weights->end();
    EXPECT_TRUE(chain.here().empty());
  }
}

TEST_F(StreamedWeightsTest, AreAtMostThreeLayersAtATime) {
  const at::NoGradGuard no_grad;
  Chain chain;
  const auto weights = chain.stream_from(stored_);
  weights->begin([](std::function<void()> task) {  // at once, so that what is there can be seen
    std::packaged_task<void()> now(std::move(task));
    now();
    return now.get_future();
  });
  chain.forward(x_, [&](size_t layer) {
    std::vector<size_t> wanted;
    for (size_t i = layer; i <= layer + 2 && i < size_t(kLayers); ++i) wanted.push_back(i);
    EXPECT_EQ(chain.here(), wanted);
  });
}

TEST_F(StreamedWeightsTest, ThatHadNoRoomAheadComeInTheirTurn) {
  const at::NoGradGuard no_grad;
  Chain chain;
  const auto weights = chain.stream_from(stored_);
  std::atomic<int> tried = 0;
  weights->begin([&](const std::function<void()>&) {
    ++tried;
    return std::async(std::launch::async, [] { throw Error(ErrorCode::kOutOfMemory, "no room"); });
  });
  EXPECT_TRUE(chain.forward(x_).equal(expected_));
  EXPECT_GT(tried, 0);
}

TEST_F(StreamedWeightsTest, AreInThePrecisionOfTheExecution) {
  const at::NoGradGuard no_grad;
  Chain chain;
  StreamedWeights weights;
  std::vector<StoredWeight> all;
  size_t at = 0;
  for (const auto& item : chain.named_parameters()) all.push_back({item.value(), stored_[at++]});
  Execution half;
  half.dtype = at::kBFloat16;
  weights.keep(std::move(all), "chain", half);
  EXPECT_EQ(chain.layers[3]->weight.scalar_type(), at::kBFloat16) << "before it comes, too";
  weights.set_layers({chain.layers[3]->parameters()});
  weights.need(0);
  EXPECT_TRUE(chain.layers[3]->weight.equal(stored_[2 + 2 * 3].to(at::kBFloat16)));
}

}  // namespace
}  // namespace relievo

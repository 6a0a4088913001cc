#include "train/learn/learner.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "reconstruct/compact_network.h"
#include "train/checkpoint.h"
#include "train/learn/autocast_scope.h"

namespace relievo {
namespace {

class CompactLearner : public Learner {
 public:
  explicit CompactLearner(const TrainConfig& config)
      : config_(config), network_(std::make_shared<CompactNetwork>(config.model)) {
    initialise(*network_);
  }

  Seen sees() const override { return Seen::kCompact; }
  std::vector<std::pair<std::string, at::Tensor>> parameters() const override {
    return network_->named_parameters().pairs();
  }
  void to(at::Device device) override { network_->to(device); }

  Losses losses(const SampleBatch& batch) const override {
    CompactPlanes planes;
    {
      const AutocastScope scope(config_.precision, batch.input.device().type());
      planes = network_->forward(batch.input, block_runner(config_.checkpointed));
    }
    // The heads are a tenth of the work, and half precision would round the places of the points away.
    const CompactAnswer answer = network_->answers(planes, batch.points, batch.inflated);
    return losses_of(planes, answer, batch, config_.loss);
  }

 private:
  TrainConfig config_;
  std::shared_ptr<CompactNetwork> network_;
};

}  // namespace

BlockRunner block_runner(bool is_checkpointed) {
  if (!is_checkpointed) return {};
  return [](const BlockBody& body, const std::vector<at::Tensor>& inputs) {
    // Where gradients are off, as in a checkpoint's first pass, blocks add to their inputs in place, which
    // are wanted again.
    const BlockBody sparing = [body](const std::vector<at::Tensor>& given) {
      if (at::GradMode::is_enabled()) return body(given);
      std::vector<at::Tensor> own;
      for (const at::Tensor& input : given) own.push_back(input.defined() ? input.clone() : input);
      return body(own);
    };
    return checkpoint(sparing, inputs);
  };
}

std::unique_ptr<Learner> make_learner(const TrainConfig& config) {
  if (!config.finetune.empty()) return make_finetuner(config);
  return std::make_unique<CompactLearner>(config);
}

}  // namespace relievo

// A network that learns, as the trainer sees it: the compact network, or a published one that is fine-tuned.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "train/learn/losses.h"
#include "train/learn/sample_set.h"
#include "train/learn/train_config.h"

namespace relievo {

class Learner {
 public:
  virtual ~Learner() = default;

  virtual Seen sees() const = 0;
  /// The parameters that learn, in an order that stays, with their names in the network.
  virtual std::vector<std::pair<std::string, at::Tensor>> parameters() const = 0;
  /// Moves all parameters.
  virtual void to(at::Device device) = 0;
  /// The loss of a batch, with its gradients; the batch is on the network's device.
  virtual Losses losses(const SampleBatch& batch) const = 0;
};

/// The learner of a configuration: a new compact network from torch's random state, or the published weights
/// that fine-tuning begins with. Throws Error{kModelMissing, kModelCorrupt, kModelMismatch, kIo}.
std::unique_ptr<Learner> make_learner(const TrainConfig& config);

/// The same for published weights (finetune.cpp).
std::unique_ptr<Learner> make_finetuner(const TrainConfig& config);

/// The file of the weights that fine-tuning begins with.
std::filesystem::path weights_of(const TrainConfig& config);

/// What the names of a published model's parameters begin with in its file.
std::string prefix_of(const std::string& finetune);

/// Runs blocks with gradient checkpointing where it is wanted, else empty.
BlockRunner block_runner(bool is_checkpointed);

}  // namespace relievo

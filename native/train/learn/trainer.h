// Trains a network, alone or as one of several processes, from where it was stopped.
//
// The folder of a run holds
// - `checkpoint.safetensors`: weights, optimiser and average, the step, the random state, the settings;
// - `metrics.jsonl`: a line every `log_every` steps: step, the parts of the loss (losses.h) as means since
// the
//   line before, learning_rate, gradient_norm, samples_per_second; with fp16 loss_scale and skipped_steps;
// - `metrics.svg`: the same as curves (plot.h);
// - `objects.jsonl`: every object that it has learnt from, with source, licence and author.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include <ATen/core/Tensor.h>

#include "base/control.h"
#include "train/learn/train_config.h"
#include "train/process_group.h"

namespace relievo {

struct TrainStep {
  int64_t step = 0;
  int64_t steps = 0;
  double loss = 0;     ///< of this process's share
  double overlap = 0;  ///< IoU at the points
  double samples_per_second = 0;
  double seconds_left = 0;
};

struct TrainOptions {
  std::shared_ptr<ProcessGroup> group = nullptr;  ///< none: this process is alone
  at::Device device = at::kCPU;
  CancelToken cancel = {};
  std::function<void(const TrainStep&)> on_step = {};
};

/// Returns the last step. A cancelled run is saved first. Two processes with half a batch each compute what
/// one does with the whole, up to rounding; a run that goes on from its checkpoint computes what an unbroken
/// one does, to the bit. Throws Error{kInvalidSettings} for a batch that does not divide, for a checkpoint of
/// other settings, and where the loss is no number; Error{kDeviceLost} where another process is lost;
/// Error{kIo, kModelCorrupt, kCancelled}.
int64_t train(const TrainConfig& config, const TrainOptions& options);

/// The step of the folder's checkpoint; 0 where there is none.
int64_t trained_steps(const std::filesystem::path& run);

/// Writes the averaged weights of a run as a model: float16 safetensors with the names of CompactNetwork, and
/// NAME.json (reconstruct/compact_file.h) and NAME.objects.jsonl, whose objects it learnt from, beside it; of
/// a fine-tuned model, its published file with the weights that were learnt. Throws Error{kModelMissing}
/// where there is no checkpoint, Error{kIo, kModelCorrupt}.
void export_model(const std::filesystem::path& run, const std::filesystem::path& path);

}  // namespace relievo

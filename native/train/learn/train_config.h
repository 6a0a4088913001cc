// What a training is: one JSON file, of which every key has a default but the folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "reconstruct/compact_network.h"

namespace relievo {

/// Factors of the parts of the loss (losses.h).
struct LossWeights {
  float distance = 10;
  float inside = 0.5f;
  float colour = 0.6f;
  float elevation = 0.1f;
  float layers = 1;
  float error = 5;
  float thin = 1;  ///< added weight of points before and behind parts thinner than 0.06
};

/// What products are computed in. The weights are float32 anyway.
enum class Precision { kFloat32, kBFloat16, kFloat16 };
std::string_view precision_word(Precision precision);  ///< `fp32`, `bf16`, `fp16`

struct TrainConfig {
  std::vector<std::filesystem::path> data;  ///< folders that `relievo-train data` made
  std::filesystem::path output;             ///< folder of the run: checkpoint, metrics
  CompactConfig model = {};
  /// `triposr` or one of InstantMesh's mesh models: fine-tunes that instead of training the compact network.
  std::string finetune = {};
  /// The weights that fine-tuning begins with; empty: those of the installed model.
  std::filesystem::path weights = {};

  int64_t steps = 5250;  ///< of the optimiser; a run may go on with more or fewer
  int64_t batch = 16;    ///< views a step, over all processes and parts
  int64_t parts = 1;     ///< gradient accumulation: how many parts a process's share of a batch comes in
  double learning_rate = 1e-3;
  int64_t warm_up = 200;  ///< steps
  double beta1 = 0.9, beta2 = 0.98, weight_decay = 0.03;
  double longest_gradient = 1;  ///< norm to which a longer gradient is cut
  double average = 0.998;       ///< decay of the moving average of the weights, which is what is exported
  Precision precision = Precision::kBFloat16;  ///< fp16 for cards older than 8.0: its losses are scaled
  bool checkpointed = false;                   ///< gradient checkpointing of the transformer's blocks
  bool varied = true;                          ///< whether samples are flipped, and their colours changed
  LossWeights loss = {};

  double family_power = 0.5;  ///< a family of n objects is drawn as often as n^this says
  bool held_out_too = false;  ///< trains on everything: for the last run, whose figures cannot be measured
  int64_t seed = 0;
  int64_t save_every = 500;  ///< steps between checkpoints
  int64_t log_every = 20;    ///< steps between lines of metrics.jsonl
};

/// Throws Error{kInvalidSettings} unless `name` is empty or a model that can be fine-tuned.
void check_finetune(const std::string& name);

/// Reads a configuration; relative folders are relative to the file. Throws Error{kIo, kInvalidSettings} that
/// names the key.
TrainConfig read_train_config(const std::filesystem::path& path);

/// What must be the same when a run goes on: all but files and folders, `steps`, `save_every`, `log_every`
/// and `parts`.
nlohmann::json lasting_settings(const TrainConfig& config);

}  // namespace relievo

// A training as it stands, and its file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>

#include "train/learn/flat_parameters.h"
#include "train/learn/loss_scale.h"
#include "train/learn/train_config.h"

namespace relievo {

std::filesystem::path checkpoint_of(const std::filesystem::path& run);
/// The list of the objects that a run has learnt from.
std::filesystem::path origins_of(const std::filesystem::path& run);

struct RunState {
  int64_t step = 0;
  LossScale loss_scale = {};
  /// [N + 1] float64: sums of the losses' parts since the last line of metrics, and their count.
  at::Tensor window;

  /// Writes everything that goes on: whole or not at all. Throws Error{kIo}.
  void save(const std::filesystem::path& run, const TrainConfig& config, const FlatParameters& flat) const;
  /// Reads it, torch's random state too; `window` must have its size. Throws Error{kInvalidSettings} where
  /// the run has other settings, Error{kModelCorrupt, kModelMismatch, kIo} for a damaged file.
  void load(const std::filesystem::path& run, const TrainConfig& config, FlatParameters& flat);
};

}  // namespace relievo

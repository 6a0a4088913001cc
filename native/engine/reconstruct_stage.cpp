#include <algorithm>

#include <ATen/ATen.h>

#include "engine/held_networks.h"
#include "engine/own_views.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "reconstruct/load.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr double kMiB = 1 << 20;
// Of the layers that are there at a time, and of what stays.
constexpr double kStreamedParameters = 4 * 16.8e6 + 8e6;
constexpr double kLaunchesPerLayer = 30;

/// The number of blocks of the checkpoint on this machine, or else of the published one.
int lrm_blocks(const std::string& model) {
  try {
    return LrmFile(model, find_model(model).file()).blocks();
  } catch (const Error&) {
    return Lrm::blocks(published_lrm(model));
  }
}

class ReconstructStage : public BatchStageOf<ViewedPicture, ShapedPicture> {
 public:
  explicit ReconstructStage(std::string model)
      : BatchStageOf("reconstruct", "reconstruct"), model_(std::move(model)) {}

  void load(const StageLoad& load) override {
    networks_.load(load, LrmFile(model_, find_model(model_).file()));
  }
  void unload(const Worker& worker) override { networks_.unload(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const LrmConfig config = published_lrm(model_);
    const auto& t = config.transformer;
    const auto& e = config.encoder;
    const double patches = static_cast<double>(settings.input_size) / static_cast<double>(e.patch);
    const double views = views_seen(settings), seen = views * (patches * patches + 1);
    const double planes = 3.0 * static_cast<double>(t.low_resolution * t.low_resolution);
    const auto width = static_cast<double>(t.width);
    // The operations of a block: queries, keys, values and output of both attentions, and an MLP of 4 widths,
    // with two operations for each multiplication.
    const double block = 2 * planes * width * (4 * width + 2 * width + 8 * width) +
                         2 * seen * static_cast<double>(t.condition_width) * 2 * width +
                         4 * planes * width * (planes + seen);
    const double operations = static_cast<double>(t.layers) * block + 2 * 86e6 * seen;
    const auto modes = [&](const std::string& precision) {
      StageMode mode;
      mode.execution.precision = precision;
      mode.weight_bytes = static_cast<int64_t>(element_bytes(precision) *
                                               (86e6 + static_cast<double>(t.layers) * 16.8e6 + 10e6));
      mode.workspace_bytes = 16 * kMiB;
      mode.workspace_bytes_per_picture = element_bytes(precision) * (planes * width * 14 + seen * 768 * 6);
      mode.launch_seconds = kLaunchesPerLayer * static_cast<double>(t.layers + e.layers) * kLaunchSeconds;
      mode.seconds_per_picture = seconds_of(operations, precision);
      StageMode streamed = mode;
      streamed.execution.streamed = true;
      streamed.weight_bytes = static_cast<int64_t>(element_bytes(precision) * kStreamedParameters);
      streamed.streamed_bytes = static_cast<double>(mode.weight_bytes);
      return std::vector<StageMode>{mode, streamed};
    };
    const int blocks = lrm_blocks(model_);
    return network_profile(settings, "reconstruct", workers, modes, [&](StageProfile& profile) {
      profile.variant = model_;
      profile.blocks = blocks;
      // Every layer's keys and values, of the tokens and of the views.
      const double shared = static_cast<double>(t.layers) * 2 * width * (planes + seen);
      const std::string& precision = profile.modes.front().execution.precision;
      profile.parts = {{.kind = PartKind::kTokens,
                        .count = static_cast<int>(planes) / 256,
                        .bytes_per_picture = static_cast<int64_t>(element_bytes(precision) * shared),
                        .waits = 4.0 * static_cast<double>(t.layers)}};
      profile.activation_bytes_per_picture = static_cast<int64_t>(4 * planes * width);
      profile.output_bytes_per_picture = 4 * 3 * t.channels * t.high_resolution * t.high_resolution;
    });
  }

  /// The side of the views, which are smaller than asked for where the diffusion was short of memory.
  int64_t size_of(const ViewedPicture& viewed) const override { return viewed.views->pixels.size(-1); }

  std::vector<std::optional<ShapedPicture>> outputs_of(const Batch& batch, const StageCall& call,
                                                       const Execution& execution) override {
    const at::NoGradGuard no_grad;
    const Streaming streaming(call, networks_.streamed(call));
    std::vector<Views> seen;
    for (size_t i = 0; i < batch.inputs.size(); ++i) {
      const Settings& settings = batch.jobs[i]->settings();
      const int64_t size = std::min<int64_t>(settings.input_size, size_of(*batch.inputs[i]));
      seen.push_back(views_for_reconstruction(*batch.inputs[i]->views, views_seen(settings), size));
    }
    auto planes = reconstruct_batch(seen, networks_.places(call), execution, batch.cancels);
    std::vector<std::optional<ShapedPicture>> outputs(planes.size());
    for (size_t i = 0; i < planes.size(); ++i) {
      if (!planes[i].defined()) continue;
      outputs[i] =
          ShapedPicture{batch.inputs[i]->cut, batch.inputs[i]->views, Triplane{std::move(planes[i])}};
    }
    return outputs;
  }

 private:
  std::string model_;
  HeldNetworks networks_;
};

}  // namespace

std::shared_ptr<PipelineStage> reconstruct_stage(const std::string& model) {
  return std::make_shared<ReconstructStage>(model);
}

}  // namespace relievo

// Turns the foreground into planes in one pass, by the model TripoSR.
#include <ATen/ATen.h>

#include "engine/held_networks.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "reconstruct/load.h"
#include "reconstruct/triposr_picture.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr double kMiB = 1 << 20;
// Of the layers that are there at a time, and of what stays.
constexpr double kStreamedParameters = 4 * 20.5e6 + 12e6;
constexpr double kLaunchesPerLayer = 30;

/// The number of blocks of the checkpoint on this machine, or else of the published one.
int triposr_blocks(const std::string& model) {
  try {
    return TripoSrFile(find_model(model).file()).blocks();
  } catch (const Error&) {
    return TripoSr::blocks({});
  }
}

class TripoSrStage : public BatchStageOf<CutPicture, ShapedPicture> {
 public:
  explicit TripoSrStage(std::string model)
      : BatchStageOf("reconstruct", "reconstruct"), model_(std::move(model)) {}

  void load(const StageLoad& load) override { networks_.load(load, TripoSrFile(find_model(model_).file())); }
  void unload(const Worker& worker) override { networks_.unload(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const TripoSrConfig config;
    const auto& t = config.transformer;
    const auto& e = config.encoder;
    const double patches = static_cast<double>(config.picture_side) / static_cast<double>(e.patch);
    const double seen = patches * patches + 1,
                 tokens = 3.0 * static_cast<double>(t.plane_side * t.plane_side);
    const auto width = static_cast<double>(t.width()), condition = static_cast<double>(t.condition_width);
    // The operations of a block: queries, keys, values and output of the self attention, queries and output
    // of the cross attention, an MLP whose layers are 8 and 4 widths, keys and values of the picture, and
    // both attentions, with two operations for each multiplication.
    const double block = 2 * tokens * width * (4 * width + 2 * width + 12 * width) +
                         2 * seen * condition * 2 * width + 4 * tokens * width * (tokens + seen);
    const double encoder = 2 * 86e6 * seen + 4.0 * static_cast<double>(e.layers) * condition * seen * seen;
    const double operations = static_cast<double>(t.layers) * block + encoder;
    const auto modes = [&](const std::string& precision) {
      StageMode mode;
      mode.execution.precision = precision;
      mode.weight_bytes = static_cast<int64_t>(element_bytes(precision) * 419.1e6);
      // It holds the tokens, their residual, and the rows of an attention or an MLP.
      mode.workspace_bytes = 16 * kMiB;
      mode.workspace_bytes_per_picture =
          element_bytes(precision) * (tokens * width * 16 + seen * condition * 6);
      mode.launch_seconds = kLaunchesPerLayer * static_cast<double>(t.layers + e.layers) * kLaunchSeconds;
      mode.seconds_per_picture = seconds_of(operations, precision);
      StageMode streamed = mode;
      streamed.execution.streamed = true;
      streamed.weight_bytes = static_cast<int64_t>(element_bytes(precision) * kStreamedParameters);
      streamed.streamed_bytes = static_cast<double>(mode.weight_bytes);
      return std::vector<StageMode>{mode, streamed};
    };
    const int blocks = triposr_blocks(model_);
    return network_profile(settings, "reconstruct", workers, modes, [&](StageProfile& profile) {
      profile.variant = model_;
      profile.blocks = blocks;
      const std::string& precision = profile.modes.front().execution.precision;
      const double shared = static_cast<double>(t.layers) * 2 * width * tokens;  // keys and values
      profile.parts = {{.kind = PartKind::kTokens,
                        .count = static_cast<int>(tokens) / 256,
                        .repeated = encoder / operations,
                        .bytes_per_picture = static_cast<int64_t>(element_bytes(precision) * shared),
                        .waits = 3.0 * static_cast<double>(t.layers)}};
      profile.activation_bytes_per_picture = static_cast<int64_t>(2 * 4 * tokens * width);
      profile.output_bytes_per_picture = 4 * 3 * t.plane_channels * 4 * t.plane_side * t.plane_side;
    });
  }

  std::vector<std::optional<ShapedPicture>> outputs_of(const Batch& batch, const StageCall& call,
                                                       const Execution& execution) override {
    const at::NoGradGuard no_grad;
    const Streaming streaming(call, networks_.streamed(call));
    const int64_t side = TripoSrFile(find_model(model_).file()).config().picture_side;
    std::vector<Views> seen;
    for (const CutPicture* cut : batch.inputs) {
      seen.push_back({triposr_picture(over_grey(to_bytes(cut->foreground->image)), side), {}});
    }
    auto planes = reconstruct_batch(seen, networks_.places(call), execution, batch.cancels);
    std::vector<std::optional<ShapedPicture>> outputs(planes.size());
    for (size_t i = 0; i < planes.size(); ++i) {
      if (!planes[i].defined()) continue;
      outputs[i] = ShapedPicture{*batch.inputs[i], nullptr, Triplane{std::move(planes[i])}};
    }
    return outputs;
  }

 private:
  std::string model_;
  HeldNetworks networks_;
};

}  // namespace

std::shared_ptr<PipelineStage> triposr_stage(const std::string& model) {
  return std::make_shared<TripoSrStage>(model);
}

}  // namespace relievo

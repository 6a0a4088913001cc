#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "engine/stage_of.h"
#include "engine/stages.h"
#include "multiview/load.h"
#include "multiview/multiview.h"
#include "nn/convolution.h"
#include "nn/device_weights.h"
#include "runtime/torch/counting_allocator.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kVisionParameters = 632e6, kEncoderParameters = 34e6, kDecoderParameters = 50e6,
                 kUnetParameters = 866e6;
// Of the layers that are there at a time where they are streamed, and of what stays.
constexpr double kVisionStreamed = 4 * 19.7e6 + 3e6, kUnetStreamed = 180e6;
// Side of the picture that the VAE encodes, whatever the views' size is.
constexpr int kConditionSide = 320;
// What a GPU is given in a call, about: each layer is a few operators, the decoder goes strip by strip.
constexpr double kConditionLaunches = 3000, kStepLaunches = 1500, kDecodeLaunches = 6000;

MultiviewFiles files() { return MultiviewFiles(find_model(kMultiviewModel).folder); }

/// The configuration of the network on this machine, or else of the published one.
UnetConfig unet_config_here() {
  try {
    return files().unet_config();
  } catch (const Error&) {
    return {};
  }
}

/// The precision of the VAE where the stage's networks compute in `precision` (multiview/load.h).
std::string vae_precision(const std::string& precision) { return precision == "fp16" ? "fp32" : precision; }

std::vector<NoiseKey> noise_of(const std::vector<const JobContext*>& jobs) {
  std::vector<NoiseKey> noise;
  for (const JobContext* job : jobs) noise.push_back({.seed = static_cast<uint64_t>(job->settings().seed)});
  return noise;
}

class ConditionStage : public BatchStageOf<CutPicture, ConditionedPicture> {
 public:
  ConditionStage() : BatchStageOf("condition", "multiview") {}

  void load(const StageLoad& load) override {
    const at::NoGradGuard no_grad;
    auto held = std::make_shared<Held>();
    const Execution execution = execution_for(load, waiting_);
    held->parts = files().condition_parts(execution);
    held->streamed = execution.streamed;
    held->mapped = MemoryCharge(mapped_bytes(*held->parts.vision) + mapped_bytes(*held->parts.vae));
    held_.set(load.worker, std::move(held));
  }
  void unload(const Worker& worker) override { held_.erase(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const auto modes = [](const std::string& precision) {
      const double of_vae = element_bytes(vae_precision(precision));
      StageMode mode;
      mode.execution.precision = precision;
      mode.weight_bytes =
          static_cast<int64_t>(element_bytes(precision) * kVisionParameters + of_vae * kEncoderParameters);
      mode.workspace_bytes = 32 * kMiB;
      mode.workspace_bytes_per_picture = of_vae * 5 * 128 * kConditionSide * kConditionSide;
      mode.launch_seconds = kConditionLaunches * kLaunchSeconds;
      mode.seconds_per_picture = seconds_of(1e12, precision);
      StageMode streamed = mode;
      streamed.execution.streamed = true;
      streamed.weight_bytes =
          static_cast<int64_t>(element_bytes(precision) * kVisionStreamed + of_vae * kEncoderParameters);
      streamed.streamed_bytes = element_bytes(precision) * kVisionParameters;
      return std::vector<StageMode>{mode, streamed};
    };
    return network_profile(settings, "multiview", workers, modes, [](StageProfile& profile) {
      profile.parts = {{.kind = PartKind::kNetworks, .count = 3, .bytes_per_picture = 4 << 20}};
      profile.output_bytes_per_picture = 4 << 20;
    });
  }

  std::vector<std::optional<ConditionedPicture>> outputs_of(const Batch& batch, const StageCall& call,
                                                            const Execution& execution) override {
    const at::NoGradGuard no_grad;
    std::vector<std::shared_ptr<Held>> held;
    std::vector<std::shared_ptr<StreamedWeights>> streamed;
    ConditionPlaces places;
    places.run_together = run_together_of(call);
    for (const Worker& worker : call.workers) {
      held.push_back(held_.get(worker));
      streamed.push_back(held.back()->streamed);
      places.parts.push_back(&held.back()->parts);
    }
    const Streaming streaming(call, std::move(streamed));
    std::vector<ByteImage> pictures;
    for (const CutPicture* cut : batch.inputs) {
      pictures.push_back(paste_on_white(to_bytes(cut->foreground->image)));
    }
    auto conditions = condition_batch(pictures, noise_of(batch.jobs), places, execution, batch.cancels);
    std::vector<std::optional<ConditionedPicture>> outputs(conditions.size());
    for (size_t i = 0; i < conditions.size(); ++i) {
      if (!conditions[i]) continue;
      outputs[i] =
          ConditionedPicture{*batch.inputs[i], std::make_shared<const Conditions>(std::move(*conditions[i]))};
    }
    return outputs;
  }

 private:
  struct Held {
    ConditionParts parts;
    std::shared_ptr<StreamedWeights> streamed;
    MemoryCharge mapped;
  };
  ByWorker<Held> held_;
  const std::shared_ptr<WaitingWeights> waiting_ = std::make_shared<WaitingWeights>();
};

class DiffusionStage : public BatchStageOf<ConditionedPicture, DenoisedPicture> {
 public:
  explicit DiffusionStage(bool cuda_graphs)
      : BatchStageOf("diffusion", "multiview"),
        graphs_(cuda_graphs ? std::make_shared<GpuGraphs>() : nullptr) {}

  void load(const StageLoad& load) override {
    const at::NoGradGuard no_grad;
    auto held = std::make_shared<Held>();
    const MultiviewFiles model = files();
    const Execution execution = execution_for(load, waiting_);
    held->unet = load.last_block > 0 ? model.unet(load.first_block, load.last_block, execution)
                                     : model.unet(execution);
    held->streamed = execution.streamed;
    held->diffusion = model.diffusion();
    held->mapped = MemoryCharge(mapped_bytes(*held->unet));
    held_.set(load.worker, std::move(held));
  }
  void unload(const Worker& worker) override { held_.erase(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const double steps = settings.steps, halves = settings.guidance == 1 ? 1 : 2;
    // The costs are those of six views, whose latents are an eighth of their side. Each half of a step
    // consists of the reference pass, which has one size, of work that grows with the latents, and of the
    // latents' attention to each other.
    constexpr double kReferenceOperations = 0.4e12;
    const auto share_of = [](int side) { return 6.0 * side * side / 64 / (120 * 80); };
    const auto operations_of = [&](int side) {
      const double share = share_of(side);
      return kReferenceOperations + 2.5e12 * share + 0.9e12 * share * share;
    };
    const auto modes_of = [&](const std::string& precision, int side) {
      const auto mode = [&](bool chunked) {
        const double share = share_of(side);
        StageMode result;
        result.execution = {.precision = precision, .chunked = chunked};
        result.weight_bytes = static_cast<int64_t>(element_bytes(precision) * kUnetParameters);
        result.workspace_bytes = 32 * kMiB;
        const double rows = chunked ? 1 : halves;
        result.workspace_bytes_per_picture = rows * share * element_bytes(precision) * 150 * kMiB;
        result.seconds_per_picture = steps * halves * seconds_of(operations_of(side), precision);
        result.launch_seconds = steps * (chunked ? halves : 1) * kStepLaunches * kLaunchSeconds;
        return result;
      };
      StageMode streamed = mode(false);  // both halves at once, so that weights come once a step
      streamed.execution.streamed = true;
      streamed.weight_bytes = static_cast<int64_t>(element_bytes(precision) * kUnetStreamed);
      streamed.streamed_bytes = (steps + 1) * element_bytes(precision) * kUnetParameters;
      return std::vector<StageMode>{mode(false), mode(true), streamed};
    };
    const auto modes = [&](const std::string& precision) { return modes_of(precision, settings.input_size); };
    const int smaller_side = smaller_side_of(settings);
    const UnetConfig config = unet_config_here();
    return network_profile(settings, "multiview", workers, modes, [&](StageProfile& profile) {
      if (smaller_side < settings.input_size) {
        for (const size_t like : {1, 2}) {  // in chunks, and streamed
          StageMode smaller = modes_of(profile.modes.back().execution.precision, smaller_side)[like];
          smaller.execution.chunked = smaller.execution.tiled = true;
          smaller.execution.input_scale = static_cast<double>(smaller_side) / settings.input_size;
          smaller.smaller =
              fmt::format("views of {} instead of {} pixels", smaller_side, settings.input_size);
          profile.modes.push_back(smaller);
        }
      }
      profile.blocks = Unet::blocks(config);
      const double latents = 6.0 * settings.input_size * settings.input_size / 64;
      if (halves == 2) {
        profile.parts.push_back({.kind = PartKind::kHalves,
                                 .count = 2,
                                 .bytes_per_picture = static_cast<int64_t>(steps * 2 * 4 * 4 * latents),
                                 .waits = 2 * steps});
      }
      // All keys and values of self attentions go round.
      constexpr double kKeysAndValues = 2 * 5 * (320 + 640 / 4 + 1280 / 16), kWaits = 150;
      const int rows = 3 * settings.input_size / 8, unit = static_cast<int>(Unet::row_unit(config));
      const std::string& precision = profile.modes.front().execution.precision;
      if (rows >= 2 * unit) {
        profile.parts.push_back({.kind = PartKind::kStrips,
                                 .count = (rows + unit - 1) / unit,
                                 .repeated = kReferenceOperations / operations_of(settings.input_size),
                                 .bytes_per_picture = static_cast<int64_t>(
                                     steps * halves * element_bytes(precision) * kKeysAndValues * latents),
                                 .waits = kWaits * steps});
      }
      profile.output_bytes_per_picture = static_cast<int64_t>(4 * 4 * latents);
      profile.activation_bytes_per_picture = static_cast<int64_t>(2 * 320 * 2 * latents);
      profile.handovers = steps;
    });
  }

  std::vector<std::optional<DenoisedPicture>> outputs_of(const Batch& batch, const StageCall& call,
                                                         const Execution& execution) override {
    const at::NoGradGuard no_grad;
    DenoiserPlaces places;
    std::vector<std::shared_ptr<StreamedWeights>> streamed;
    Diffusion diffusion;
    for (const Worker& worker : call.workers) {
      const auto held = held_.get(worker);
      places.unets.push_back(held ? held->unet : nullptr);
      streamed.push_back(held ? held->streamed : nullptr);
      if (held) diffusion = held->diffusion;
    }
    const Streaming streaming(call, std::move(streamed));
    places.blocks = call.blocks;
    if (call.workers.size() > 1 && call.part_kind == PartKind::kStrips) places.parts = call.parts;
    places.run_together = run_together_of(call);
    places.on_worker = on_worker_of(call);
    places.on_every_worker = on_every_worker_of(call);
    places.halves_together = !call.mode.chunked;
    if (!call.mode.streamed) places.graphs = graphs_;
    std::vector<Conditions> conditions;
    for (const ConditionedPicture* conditioned : batch.inputs) conditions.push_back(*conditioned->conditions);
    const Settings& settings = batch.jobs.front()->settings();
    const MultiviewSettings wanted{
        .steps = settings.steps,
        .guidance = settings.guidance,
        .sampler = sampler_kind(settings.sampler),
        .view_size = static_cast<int>(std::lround(call.mode.input_scale * settings.input_size))};
    const std::vector<at::Tensor> latents =
        denoise(conditions, noise_of(batch.jobs), places, diffusion, wanted, execution, batch.cancels);
    std::vector<std::optional<DenoisedPicture>> outputs(latents.size());
    for (size_t i = 0; i < latents.size(); ++i) {
      if (latents[i].defined()) outputs[i] = DenoisedPicture{batch.inputs[i]->cut, latents[i]};
    }
    return outputs;
  }

 private:
  struct Held {
    std::shared_ptr<const Unet> unet;
    std::shared_ptr<StreamedWeights> streamed;
    Diffusion diffusion;
    MemoryCharge mapped;
  };

  static int smaller_side_of(const Settings& settings) {
    constexpr double kShare = 0.8;
    const int side = static_cast<int>(kShare * settings.input_size) / kInputSizeStep * kInputSizeStep;
    return std::max(side, kInputSizeRange.low);
  }

  const std::shared_ptr<GpuGraphs> graphs_;  // null where steps are not recorded
  ByWorker<Held> held_;
  const std::shared_ptr<WaitingWeights> waiting_ = std::make_shared<WaitingWeights>();
};

class DecodeStage : public BatchStageOf<DenoisedPicture, ViewedPicture> {
 public:
  DecodeStage() : BatchStageOf("decode", "multiview") {}

  void load(const StageLoad& load) override {
    const at::NoGradGuard no_grad;
    auto held = std::make_shared<Held>();
    const MultiviewFiles model = files();
    held->vae = model.vae(VaeParts::kDecoder, execution_for(load, waiting_));
    held->factor = model.latent_factor();
    held->mapped = MemoryCharge(mapped_bytes(*held->vae));
    held_.set(load.worker, std::move(held));
  }
  void unload(const Worker& worker) override { held_.erase(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const double pixels = 6.0 * settings.input_size * settings.input_size;
    const bool has_cpu =
        std::ranges::any_of(workers, [](const Worker& w) { return w.kind == DeviceKind::kCpu; });
    const double of_convolutions = has_cpu ? kConvolutionBytes : 0;
    const auto modes = [&](const std::string& precision) {
      const std::string held = vae_precision(precision);
      StageMode mode;
      mode.execution.precision = precision;
      mode.weight_bytes = static_cast<int64_t>(element_bytes(held) * kDecoderParameters);
      // Each picture holds the widest layer's input and output (256 and 128 channels), and strips of the
      // results in between.
      const double layer = element_bytes(held) * pixels * (256 + 128);
      mode.workspace_bytes = 16 * kMiB + of_convolutions;
      mode.workspace_bytes_per_picture = 32 * kMiB + layer;
      mode.seconds_per_picture = seconds_of(9.4e6 * pixels, held);
      mode.launch_seconds = kDecodeLaunches * kLaunchSeconds;
      StageMode tiled = mode;
      tiled.execution.chunked = tiled.execution.tiled = true;
      tiled.workspace_bytes = 8 * kMiB + of_convolutions;
      tiled.workspace_bytes_per_picture = 8 * kMiB + layer;
      tiled.seconds_per_picture *= 1.2;
      return std::vector<StageMode>{mode, tiled};
    };
    return network_profile(settings, "multiview", workers, modes, [&](StageProfile& profile) {
      const int rows = 3 * settings.input_size / 8;
      // Rows at the edges of some sixty convolutions, and keys and values of the attention.
      const double shared = 60 * 2 * 2.0 * settings.input_size * 256 + 2 * 512 * pixels / 64;
      const std::string held = vae_precision(profile.modes.front().execution.precision);
      profile.parts = {{.kind = PartKind::kStrips,
                        .count = (rows + 3) / 4,
                        .bytes_per_picture = static_cast<int64_t>(element_bytes(held) * shared),
                        .waits = 100}};
      profile.output_bytes_per_picture = static_cast<int64_t>(3 * 4 * pixels);
    });
  }

  /// Latents are smaller where the diffusion was short of memory.
  int64_t size_of(const DenoisedPicture& denoised) const override { return denoised.latents.numel(); }

  std::vector<std::optional<ViewedPicture>> outputs_of(const Batch& batch, const StageCall& call,
                                                       const Execution& execution) override {
    const at::NoGradGuard no_grad;
    DecoderPlaces places;
    places.run_together = run_together_of(call);
    for (const Worker& worker : call.workers) places.vaes.push_back(held_.get(worker)->vae);
    if (call.workers.size() > 1) places.parts = call.parts;
    const double factor = held_.get(call.workers[0])->factor;
    std::vector<at::Tensor> latents;
    for (const DenoisedPicture* denoised : batch.inputs) latents.push_back(denoised->latents);
    const auto grids =
        decode_batch(at::cat(latents), places, factor, execution, call.mode.tiled, batch.cancels);
    std::vector<std::optional<ViewedPicture>> outputs(grids.size());
    for (size_t i = 0; i < grids.size(); ++i) {
      if (!grids[i]) continue;
      auto views = std::make_shared<const Views>(views_of_grid(*grids[i]));
      show_views(*batch.jobs[i], *views);
      outputs[i] = ViewedPicture{batch.inputs[i]->cut, std::move(views)};
    }
    return outputs;
  }

 private:
  struct Held {
    std::shared_ptr<const Vae> vae;
    double factor = 1;
    MemoryCharge mapped;
  };
  ByWorker<Held> held_;
  const std::shared_ptr<WaitingWeights> waiting_ = std::make_shared<WaitingWeights>();
};

}  // namespace

at::Tensor cameras_of_views() { return views_of_grid(ByteImage(2, 3, 3)).cameras; }

std::shared_ptr<PipelineStage> condition_stage() { return std::make_shared<ConditionStage>(); }
std::shared_ptr<PipelineStage> diffusion_stage(bool cuda_graphs) {
  return std::make_shared<DiffusionStage>(cuda_graphs);
}
std::shared_ptr<PipelineStage> decode_stage() { return std::make_shared<DecodeStage>(); }

}  // namespace relievo

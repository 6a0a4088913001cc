#include "benchmarks/native/bench_networks.h"

#include <ATen/ATen.h>

#include "benchmarks/native/bench_side.h"
#include "multiview/vae.h"
#include "reconstruct/lrm.h"
#include "verify/guidance_step.h"

namespace relievo {
namespace {

using nlohmann::json;

/// The latents' size in the arguments, where the options name one.
void set_latents(json& arguments, const BenchOptions& options) {
  if (options.height == 0) return;
  arguments["height"] = options.height;
  arguments["width"] = options.width;
}

}  // namespace

json step_size(bool is_small) {
  json size{{"block_out_channels", {320, 640, 1280, 1280}},
            {"attention_head_dim", {5, 10, 20, 20}},
            {"cross_attention_dim", 1024},
            {"groups", 32},
            {"height", 120},
            {"width", 80},
            {"reference", 40},
            {"timestep", 500}};
  if (is_small) {
    size.update({{"block_out_channels", {64, 128, 128, 128}},
                 {"attention_head_dim", {1, 2, 2, 2}},
                 {"cross_attention_dim", 64},
                 {"height", 24},
                 {"width", 16},
                 {"reference", 8}});
  }
  return size;
}

json bench_step(const BenchOptions& options) {
  json arguments = step_size(options.quick);
  set_latents(arguments, options);
  return report_of_pair("step", options, arguments);
}

json bench_step_own_side(const json& arguments) {
  return measure_side(arguments, [&](const at::Tensor&, const at::TensorOptions& options, int64_t& weights) {
    GuidanceStepSize size{.unet = {.widths = arguments.at("block_out_channels"),
                                   .heads = arguments.at("attention_head_dim"),
                                   .prompt_width = arguments.at("cross_attention_dim"),
                                   .groups = arguments.at("groups")},
                          .height = arguments.at("height"),
                          .width = arguments.at("width"),
                          .reference = arguments.at("reference"),
                          .timestep = arguments.at("timestep")};
    const auto step = std::make_shared<const GuidanceStep>(std::move(size), options);
    weights = step->weight_bytes();
    return [step] { return step->run(); };
  });
}

json planes_size(bool is_small) {
  json size{{"width", 768},
            {"heads", 12},
            {"layers", 12},
            {"stored", 14},
            {"transformer_width", 1024},
            {"transformer_heads", 16},
            {"transformer_layers", 16},
            {"low_resolution", 32},
            {"channels", 80},
            {"views", 6},
            {"size", 320},
            {"fused", false}};
  if (is_small) {
    size.update({{"width", 64},
                 {"heads", 2},
                 {"layers", 2},
                 {"transformer_width", 128},
                 {"transformer_heads", 2},
                 {"transformer_layers", 2},
                 {"low_resolution", 8},
                 {"size", 64}});
  }
  return size;
}

json bench_planes(const BenchOptions& options) {
  json arguments = planes_size(options.quick);
  json report = report_of_pair("planes", options, arguments);
  if (options.is_alone) return report;
  arguments["fused"] = true;
  BenchOptions in_one = options;
  in_one.precisions.resize(1);
  report["fused"] = report_of_pair("planes", in_one, arguments);
  return report;
}

json bench_planes_own_side(const json& arguments) {
  return measure_side(
      arguments, [&](const at::Tensor& block, const at::TensorOptions& options, int64_t& weights) {
        LrmConfig config = published_lrm("instant-mesh-large");
        const int64_t width = arguments.at("width"), stored = arguments.at("stored");
        config.encoder = {.width = width,
                          .heads = arguments.at("heads"),
                          .layers = arguments.at("layers"),
                          .mlp_width = 4 * width,
                          .patch = 16,
                          .image = 16 * stored};
        config.transformer.width = arguments.at("transformer_width");
        config.transformer.heads = arguments.at("transformer_heads");
        config.transformer.layers = arguments.at("transformer_layers");
        config.transformer.condition_width = width;
        config.transformer.low_resolution = arguments.at("low_resolution");
        config.transformer.high_resolution = 2 * config.transformer.low_resolution;
        config.transformer.channels = arguments.at("channels");
        const auto lrm = std::make_shared<Lrm>(config, 0, Lrm::blocks(config), PlanesHeads::kNo);
        weights = fill_with_numbers(*lrm, block, options);
        const int64_t count = arguments.at("views"), size = arguments.at("size");
        const at::Tensor pixels = (numbers_of("views", {count, 3, size, size}, block) + 0.5).to(options);
        const at::Tensor cameras = (numbers_of("cameras", {count, 16}, block) * 3.4).to(options);
        return [=] {
          PlanesWalk walk;
          walk.encoder.pixels = pixels;
          walk.encoder.cameras = cameras;
          walk.views = count;
          lrm->advance(walk);
          return walk.tokens[0];
        };
      });
}

json vae_size(bool is_small) {
  json size{{"block_out_channels", {128, 256, 512, 512}}, {"groups", 32}, {"height", 120}, {"width", 80}};
  if (is_small) {
    size.update({{"block_out_channels", {32, 64, 64, 64}}, {"height", 24}, {"width", 16}});
  }
  return size;
}

json bench_vae(const BenchOptions& options) {
  json arguments = vae_size(options.quick);
  set_latents(arguments, options);
  return report_of_pair("vae", options, arguments);
}

json bench_vae_own_side(const json& arguments) {
  return measure_side(
      arguments, [&](const at::Tensor& block, const at::TensorOptions& options, int64_t& weights) {
        const auto vae = std::make_shared<Vae>(
            VaeConfig{.widths = arguments.at("block_out_channels"), .groups = arguments.at("groups")});
        weights = fill_with_numbers(*vae, block, options);
        const at::Tensor latents =
            (numbers_of("latents", {1, 4, arguments.at("height"), arguments.at("width")}, block) * 3.4)
                .to(options);
        return [=] { return vae->decode(latents); };
      });
}

}  // namespace relievo

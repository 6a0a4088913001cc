#include "runtime/estimated_costs.h"

namespace relievo {
namespace {

constexpr double kOperationsPerSecond = 60e12;
constexpr double kMiB = 1 << 20;

StageMode mode(Rung rung, double parameters, double teraflops, double workspace_mib, double mib_per_picture) {
  StageMode mode;
  mode.rung = rung;
  mode.precision = "bf16";
  mode.weight_bytes = int64_t(parameters * 2);
  mode.workspace_bytes = workspace_mib * kMiB;
  mode.workspace_bytes_per_picture = mib_per_picture * kMiB;
  mode.seconds = 0.005;
  mode.seconds_per_picture = teraflops * 1e12 / kOperationsPerSecond;
  return mode;
}

}  // namespace

std::vector<StageProfile> estimated_stages(int diffusion_steps) {
  const double steps = diffusion_steps;
  StageProfile condition{"condition", {mode(Rung::kFull, 632e6 + 354e6, 1, 32, 64)}, 16};
  condition.output_bytes_per_picture = 4 << 20;

  // 2.6 TFLOP a forward at 120 x 80 latents, twice for the reference pass, twice for guidance.
  StageProfile diffusion{
      "diffusion",
      {mode(Rung::kFull, 866e6, 8 * steps, 128, 1400), mode(Rung::kChunks, 866e6, 8.4 * steps, 128, 800),
       mode(Rung::kSmallerInput, 866e6, 3.6 * steps, 96, 450)},
      8};
  diffusion.blocks = 25;
  diffusion.guidance_halves = true;
  diffusion.output_bytes_per_picture = 4 * 120 * 80 * 4;
  diffusion.activation_bytes_per_picture = 2 * 320 * 120 * 80 * 2;
  diffusion.handovers = steps;

  StageProfile decode{
      "decode", {mode(Rung::kFull, 84e6, 9, 64, 1800), mode(Rung::kTiled, 84e6, 10, 64, 420)}, 8};
  decode.output_bytes_per_picture = 3 * 960 * 640 * 4;

  StageProfile reconstruct{
      "reconstruct",
      {mode(Rung::kFull, 86e6 + 290e6, 9, 96, 420), mode(Rung::kChunks, 86e6 + 290e6, 9.5, 96, 200)},
      8};
  reconstruct.blocks = 16;
  reconstruct.output_bytes_per_picture = 3LL * 80 * 64 * 64 * 4;
  reconstruct.activation_bytes_per_picture = 3072 * 1024 * 2;

  StageProfile surface{
      "surface", {mode(Rung::kFull, 1e6, 3, 128, 600), mode(Rung::kChunks, 1e6, 3.2, 64, 160)}, 4};
  surface.points = true;
  surface.output_bytes_per_picture = 8 << 20;
  surface.activation_bytes_per_picture = 9 << 20;

  StageProfile texture{
      "texture", {mode(Rung::kFull, 0, 2, 64, 300), mode(Rung::kChunks, 0, 2.1, 64, 100)}, 4};
  texture.points = true;
  texture.output_bytes_per_picture = 16 << 20;
  texture.activation_bytes_per_picture = 48 << 20;
  return {condition, diffusion, decode, reconstruct, surface, texture};
}

}  // namespace relievo

// Loads Zero123++ from this machine: a diffusers folder, the model `zero123plus-v1.2` of the catalogue.
#pragma once

#include <filesystem>
#include <memory>

#include "multiview/config.h"
#include "multiview/multiview.h"
#include "nn/execution.h"

namespace relievo {

/// Each part is read on demand, into an Execution's device and precision; of streamed weights the vision
/// tower and the denoiser come in layer by layer, and the VAE is loaded as a whole. A configuration that lies
/// beside the weights (`unet/config.json`, `scheduler/scheduler_config.json`, ...) is followed; the published
/// one is taken where there is none. Loading throws Error{kIo, kModelCorrupt, kModelMismatch}.
class MultiviewFiles {
 public:
  /// Reads the configurations.
  explicit MultiviewFiles(std::filesystem::path folder);

  const UnetConfig& unet_config() const { return unet_; }
  /// The schedule with trailing spacing, as InstantMesh sets it.
  const Diffusion& diffusion() const { return diffusion_; }
  /// The VAE's scaling factor.
  double latent_factor() const { return latent_factor_; }
  /// The `ramping_coefficients` of model_index.json, `[T]` float32. Throws Error{kModelCorrupt} when they are
  /// not there.
  at::Tensor ramp() const;

  std::shared_ptr<const ClipVision> vision(const Execution& execution) const;
  /// In float32 where float16 is asked for: its layers pass 65,504, float16's largest number.
  std::shared_ptr<const Vae> vae(VaeParts parts, const Execution& execution) const;
  std::shared_ptr<const Unet> unet(const Execution& execution) const;
  /// The blocks first .. last - 1 of Unet::blocks(unet_config()).
  std::shared_ptr<const Unet> unet(int first_block, int last_block, const Execution& execution) const;

  /// The empty prompt's states `[T, X]` float32 on the CPU. The first call computes them with the text tower,
  /// which is not kept, and writes them to empty_prompt.safetensors in the folder; later calls read that file
  /// as long as it belongs to the text tower.
  at::Tensor empty_prompt() const;

  /// Everything that stage `condition` needs.
  ConditionParts condition_parts(const Execution& execution) const;
  /// Loads all networks into one place.
  MultiviewModel model(const Execution& execution) const;

 private:
  std::filesystem::path folder_;
  ClipTextConfig text_;
  ClipVisionConfig vision_;
  VaeConfig vae_;
  UnetConfig unet_;
  Diffusion diffusion_;
  Extractor clip_ = clip_extractor(), picture_ = vae_extractor();
  double latent_factor_ = 0.18215;
};

}  // namespace relievo

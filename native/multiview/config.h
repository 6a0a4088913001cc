// The configurations that a diffusers folder carries beside its weights, under the keys that it gives them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "multiview/clip.h"
#include "multiview/conditioning.h"
#include "multiview/sampler.h"
#include "multiview/unet.h"
#include "multiview/vae.h"

namespace relievo {

// All of these throw nlohmann's exceptions for keys that are missing or of another type, and
// Error{kModelMismatch} for a network that is not built like the published one.
ClipTextConfig text_config(const nlohmann::json& config);
ClipVisionConfig vision_config(const nlohmann::json& config);
VaeConfig vae_config(const nlohmann::json& config);
UnetConfig unet_config(const nlohmann::json& config);
Extractor extractor_config(const nlohmann::json& config);
/// The schedule with the spacing that the file names: the published file says linspace, while InstantMesh
/// uses trailing.
Diffusion diffusion_config(const nlohmann::json& config);

}  // namespace relievo

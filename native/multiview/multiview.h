// Foreground -> Views: Zero123++ v1.2 (Shi et al. 2023, arXiv 2310.15110), with its own or InstantMesh's
// white-background UNet, which is another state dict of the same network.
#pragma once

#include <functional>
#include <memory>

#include "base/image.h"
#include "multiview/clip.h"
#include "multiview/conditioning.h"
#include "multiview/sampler.h"
#include "multiview/unet.h"
#include "multiview/vae.h"
#include "nn/execution.h"
#include "nn/noise.h"
#include "nn/observer.h"
#include "nn/views.h"

namespace relievo {

/// The networks, loaded (nn/tensors.h, after multiview/older_names.h), and what is published beside them.
/// Each network runs on the device and in the precision that it was loaded in.
struct MultiviewModel {
  std::shared_ptr<const ClipVision> vision;
  std::shared_ptr<const Vae> vae;
  std::shared_ptr<const Unet> unet;
  at::Tensor empty_prompt;  ///< [77, X] float32: ClipText::empty_prompt(), made once; the tower may go
  at::Tensor ramp;          ///< [77] float32: `ramping_coefficients` of the published pipeline
  Diffusion diffusion;
  Extractor clip = clip_extractor();
  Extractor picture = vae_extractor();
  double latent_factor = 0.18215;  ///< the VAE's scaling factor
};

struct MultiviewSettings {
  int steps = 75;
  double guidance = 4;
  SamplerKind sampler = SamplerKind::kEulerAncestral;
  NoiseKey noise;               ///< a picture's views depend on this alone, not on its place in a batch
  int view_size = 320;          ///< pixels a side of each view, a multiple of 8
  bool halves_together = true;  ///< of guidance, in one batch; else one after the other in half the memory
};

/// What noise is drawn for.
enum class NoiseUse : uint32_t { kPicture, kNothing, kLatents, kReference, kAncestral };

/// For verification: other noise, and a look inside. The observer sees pixel_values_vae, pixel_values_clip,
/// cond_lat, encoder_hidden_states, step<i>/unet_in, step<i>/t, step<i>/unet_out, step<i>/latents_after,
/// decode_in, decode_out, image_np.
struct MultiviewHooks {
  std::function<at::Tensor(NoiseUse use, int step, at::IntArrayRef shape)> noise;
  Observer observer;
};

/// The six views in one picture of 3 rows x 2 columns, from RGB on white.
/// Throws Error{kInvalidSettings, kInvalidImage, kCancelled}.
ByteImage paint_view_grid(const ByteImage& rgb, const MultiviewModel& model,
                          const MultiviewSettings& settings, const Execution& execution,
                          const MultiviewHooks& hooks = {});

/// The six views with their cameras (base/camera.h). Reports progress after each step and stops within one.
Views make_views(const Foreground& foreground, const MultiviewModel& model, const MultiviewSettings& settings,
                 const Execution& execution);

/// Six views as the reconstruction takes them, of a picture of 3 rows x 2 columns: the user's own, or
/// paint_view_grid's. Throws Error{kInvalidImage}.
Views views_of_grid(const ByteImage& grid);

}  // namespace relievo

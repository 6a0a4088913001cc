// Turns a foreground into views: Zero123++ v1.2 (Shi et al. 2023, arXiv 2310.15110), with its own or
// InstantMesh's white-background UNet, which is another state dict of the same network. It has three stages
// that may run in different places: `condition`, `denoise`, `decode`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/image.h"
#include "multiview/clip.h"
#include "multiview/conditioning.h"
#include "multiview/sampler.h"
#include "multiview/unet.h"
#include "multiview/vae.h"
#include "nn/exchange.h"
#include "nn/execution.h"
#include "nn/gpu_graph.h"
#include "nn/noise.h"
#include "nn/observer.h"
#include "nn/views.h"

namespace relievo {

struct MultiviewSettings {
  int steps = 75;
  double guidance = 4;
  SamplerKind sampler = SamplerKind::kEulerAncestral;
  int view_size = 320;  ///< pixels a side of each view, a multiple of 8
};

/// Each use of noise draws from a stream of its own.
enum class NoiseUse : uint32_t { kConditional, kUnconditional, kLatents, kReference, kAncestral };

/// Hooks for verification, with one picture alone: noise from a file, and an observer of intermediate
/// results. It sees pixel_values_vae, pixel_values_clip, cond_lat, encoder_hidden_states, step<i>/unet_in,
/// step<i>/t, step<i>/unet_out, step<i>/latents_after, decode_in, decode_out, image_np.
struct MultiviewHooks {
  std::function<at::Tensor(NoiseUse use, int step, at::IntArrayRef shape)> noise;
  Observer observer;
};

// Each network runs on the device and in the precision that it was loaded in (multiview/load.h). Of an
// Execution the stages use its Control (they report progress and throw Error{kCancelled}), and `denoise` its
// device.

/// The networks and constants that stage `condition` works with.
struct ConditionParts {
  std::shared_ptr<const ClipVision> vision;
  std::shared_ptr<const Vae> vae;  ///< at least the encoder
  /// [77, X] float32: ClipText::empty_prompt(), computed once, after which the text tower is not needed.
  at::Tensor empty_prompt;
  at::Tensor ramp;  ///< [77] float32: `ramping_coefficients` of the published pipeline
  Extractor clip = clip_extractor();
  Extractor picture = vae_extractor();
};

/// The conditions for denoising one picture, on the CPU in float32, so that they can be moved to any device.
struct Conditions {
  /// [2, 4, h, w] latents of the VAE, unconditional and conditional.
  at::Tensor latents;
  /// [2, 77, X] prompt states without and with the picture.
  at::Tensor states;
};

/// The places of these networks: the same ones on each of the workers.
struct ConditionPlaces {
  std::vector<const ConditionParts*> parts;  ///< by worker
  RunTogether run_together = {};             ///< where there are several
};

/// Stage `condition`: encodes pictures, RGB on white, together by CLIP's vision tower and the VAE's encoder.
/// Several workers take the vision tower, the pictures and a blank one as they are free. `noise` has a key
/// for each, and `cancels` may have a token for each: a picture whose token is cancelled leaves the batch
/// between two layers, and its result is nothing. Throws Error{kInvalidImage, kInvalidSettings}, and
/// Error{kCancelled} where all are cancelled.
std::vector<std::optional<Conditions>> condition_batch(
    std::span<const ByteImage> rgb, std::span<const NoiseKey> noise, const ConditionPlaces& places,
    const Execution& execution, std::span<const CancelToken> cancels = {}, const MultiviewHooks& hooks = {});
/// The same for one picture.
Conditions condition_views(const ByteImage& rgb, const NoiseKey& noise, const ConditionPlaces& places,
                           const Execution& execution, const MultiviewHooks& hooks = {});

/// The places of the denoising network:
/// - whole on one worker: one network, no blocks;
/// - whole on two workers, one for each half of guidance: two networks, no blocks;
/// - whole on several workers, each of which computes strips of rows of the latents (nn/shared_rows.h);
/// - cut over several workers: a network for each, or null for those that hold no block.
struct DenoiserPlaces {
  std::vector<std::shared_ptr<const Unet>> unets;  ///< by worker
  /// The number of blocks that each worker holds of a cut network; else empty.
  std::vector<int> blocks = {};
  /// The number of parts of the latents' rows for each worker that shares them; else empty.
  std::vector<int> parts = {};
  /// For workers that share the rows.
  RunTogether run_together = {};
  /// Runs the body on worker k's thread and waits; where it is empty, the body is called directly.
  std::function<void(size_t k, const std::function<void()>& body)> on_worker = {};
  /// Runs body(k) on all workers at once and waits; where it is empty, the bodies are called one after the
  /// other.
  std::function<void(const std::function<void(size_t k)>& body)> on_every_worker = {};
  /// The halves of guidance at one place run in one batch, or else one after the other in half the memory.
  bool halves_together = true;
  /// Where one GPU alone may record its steps as CUDA graphs, of weights that stay there; else null.
  std::shared_ptr<GpuGraphs> graphs = {};
};

/// Stage `denoise`: latents `[1, 4, H, W]` float32 on the CPU for each picture; H and W are an eighth of
/// three views by two. From the first step to the last they stay on the execution's device, which is that of
/// the caller's thread and of the first worker, with noise, sampler and guidance; nothing is copied from or
/// to the host, and the host is never more than two steps ahead of a GPU. `noise` has a key for each. A
/// picture's result does not depend on its batchmates or on the places, except for rounding. `cancels` may
/// have a token for each: a picture whose token is cancelled is left out from the next step on, and its
/// result is an undefined tensor. Reports each step that the device has finished; stops within a layer once
/// it is cancelled as a whole or every picture is. Throws Error{kInvalidSettings, kCancelled}.
std::vector<at::Tensor> denoise(std::span<const Conditions> conditions, std::span<const NoiseKey> noise,
                                const DenoiserPlaces& places, const Diffusion& diffusion,
                                const MultiviewSettings& settings, const Execution& execution,
                                std::span<const CancelToken> cancels = {}, const MultiviewHooks& hooks = {});

/// The places of the VAE's decoder: one, or the same one on each of the workers that share the rows.
struct DecoderPlaces {
  std::vector<std::shared_ptr<const Vae>> vaes;  ///< by worker
  /// The number of parts of the latents' rows for each worker; empty where the first decodes alone.
  std::vector<int> parts = {};
  RunTogether run_together = {};
};

/// Stage `decode`: turns latents `[B, 4, H, W]` together into the six views of each picture in one picture of
/// 3 rows x 2 columns; workers that share rows take one picture. `latent_factor` is the VAE's scaling factor.
/// `tiled` works in smaller strips of rows (strips.h), with the same result up to rounding. `cancels` and
/// errors are as above.
std::vector<std::optional<ByteImage>> decode_batch(const at::Tensor& latents, const DecoderPlaces& places,
                                                   double latent_factor, const Execution& execution,
                                                   bool tiled = false,
                                                   std::span<const CancelToken> cancels = {},
                                                   const MultiviewHooks& hooks = {});
/// The same for one picture's latents `[1, 4, H, W]`.
ByteImage decode_views(const at::Tensor& latents, const DecoderPlaces& places, double latent_factor,
                       const Execution& execution, bool tiled = false, const MultiviewHooks& hooks = {});

/// All networks in one place.
struct MultiviewModel {
  ConditionParts condition;
  std::shared_ptr<const Unet> unet;
  std::shared_ptr<const Vae> decoder;
  Diffusion diffusion;
  double latent_factor = 0.18215;  ///< the VAE's scaling factor
};

/// Runs all three stages: RGB on white becomes the six views in one picture of 3 rows x 2 columns. Throws
/// Error{kInvalidSettings, kInvalidImage, kCancelled}.
ByteImage paint_view_grid(const ByteImage& rgb, const NoiseKey& noise, const MultiviewModel& model,
                          const MultiviewSettings& settings, const Execution& execution,
                          const MultiviewHooks& hooks = {});

/// The six views with their cameras (base/camera.h).
Views make_views(const Foreground& foreground, const NoiseKey& noise, const MultiviewModel& model,
                 const MultiviewSettings& settings, const Execution& execution);

/// Splits a picture of 3 rows x 2 columns, the user's own or decode_views's, into six views with their
/// cameras as the reconstruction takes them. Throws Error{kInvalidImage}.
Views views_of_grid(const ByteImage& grid);

}  // namespace relievo

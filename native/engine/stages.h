// The pipeline's stages, in their order. Each says what it costs with given settings (its profile) beside the
// code that runs it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "engine/field_source.h"
#include "engine/stage_of.h"
#include "files/pictures.h"

namespace relievo {

/// The mask network that comes with the program.
inline constexpr const char* kEmbeddedNetwork = "u2netp.safetensors";

/// What decoding a request's picture, or its mask, takes at most, by their headers.
DecodingCost decoding_cost(const GenerateRequest& request);

/// Decoding that takes no more than this costs nothing: the mask network takes as much, after it.
inline constexpr int64_t kDecodedForNothing = int64_t{215} << 20;

/// Picture -> foreground. With the full U2-Net where it is installed, else the embedded one in
/// `embedded_models`.
class ForegroundStage : public StageOf<GivenPicture, CutPicture> {
 public:
  explicit ForegroundStage(std::filesystem::path embedded_models);
  ~ForegroundStage() override;

  void load(const StageLoad& load) override;
  void unload(const Worker& worker) override;

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override;
  CutPicture output_of(GivenPicture given, PictureWork& work, const StageCall& call,
                       const Execution& execution) override;

 private:
  struct Network;
  std::filesystem::path embedded_models_;
  ByWorker<Network> networks_;
};

/// Foreground -> field of the model `preview`.
std::shared_ptr<PipelineStage> inflate_stage();

/// Of the catalogue: what paints the views.
inline constexpr const char* kMultiviewModel = "zero123plus-v1.2";

/// Foreground -> what the denoiser is told; that -> latents of six views; those -> views.
std::shared_ptr<PipelineStage> condition_stage();
std::shared_ptr<PipelineStage> diffusion_stage();
std::shared_ptr<PipelineStage> decode_stage();
/// The person's own pictures -> views.
std::shared_ptr<PipelineStage> own_views_stage();

/// `[6, 16]`, of the six views (base/camera.h).
at::Tensor cameras_of_views();
/// Shows a job's views, 3 rows of 2.
void show_views(const JobContext& job, const Views& views);

/// Views -> planes, of a model of the catalogue.
std::shared_ptr<PipelineStage> reconstruct_stage(const std::string& model);

/// Of the catalogue: the model of another architecture than InstantMesh's.
inline constexpr const char* kTripoSrModel = "triposr";

/// Foreground -> planes, of TripoSR.
std::shared_ptr<PipelineStage> triposr_stage(const std::string& model);

/// Shape -> surface, cleaned and simplified.
std::shared_ptr<PipelineStage> surface_stage(const std::string& model, std::unique_ptr<FieldSource> fields);

/// Surface -> textured mesh and everything else of a result.
std::shared_ptr<PipelineStage> texture_stage(const std::string& model, std::unique_ptr<FieldSource> fields);

}  // namespace relievo

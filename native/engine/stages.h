// The pipeline's stages, in their order. The costs of each (its profile) stand beside the code that runs it.
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

/// The most that decoding a request's picture, its mask or one of its views takes, by their headers.
DecodingCost decoding_cost(const GenerateRequest& request);

/// Decoding that takes no more than this needs no plan of its own, because the mask network takes as much
/// after it.
inline constexpr int64_t kDecodedForNothing = int64_t{215} << 20;

/// Cuts the foreground out of the picture and of the person's own views that have cameras, with the full
/// U2-Net where it is installed, else with the embedded one in `embedded_models`.
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

  /// Cuts the person's own views from the first of these on.
  std::vector<CutView> cut_own_views(PictureWork& work, size_t first, const Network* network,
                                     const Execution& execution);
  /// Cuts a sheet, of whose figures the front stands for the picture.
  static CutPicture cut_figures(std::string checksum, const Image& picture, const std::optional<Mask>& given,
                                PictureWork& work, const Execution& execution);

  std::filesystem::path embedded_models_;
  ByWorker<Network> networks_;
};

/// Side of the pictures of sides that the model `preview` takes: what a texture can show of one of several.
int side_of_sides(const Settings& settings);

/// Makes the foreground, or the pictures of sides, into the field of the model `preview`.
std::shared_ptr<PipelineStage> inflate_stage();

/// The file of the compact model's weights: compact.safetensors in `embedded_models`, else in the folder
/// `compact` of the models that were put on this machine. Throws Error{kModelMissing}.
std::filesystem::path compact_weights(const std::filesystem::path& embedded_models);
/// Makes the foreground into the field of the model `compact`, on the CPU.
std::shared_ptr<PipelineStage> compact_stage(const std::filesystem::path& embedded_models);

/// The catalogue's name of the model that paints the views.
inline constexpr const char* kMultiviewModel = "zero123plus-v1.2";

/// Three stages: from the foreground to the denoiser's conditions, from these to latents of six views, and
/// from these to views. `cuda_graphs` is EngineOptions'.
std::shared_ptr<PipelineStage> condition_stage();
std::shared_ptr<PipelineStage> diffusion_stage(bool cuda_graphs);
std::shared_ptr<PipelineStage> decode_stage();
/// Makes views of the person's own pictures.
std::shared_ptr<PipelineStage> own_views_stage();

/// The cameras of the six views, `[6, 16]` (base/camera.h).
at::Tensor cameras_of_views();
/// Shows a job's views in rows of 2.
void show_views(const JobContext& job, const Views& views);

/// Makes planes of views, by a model of the catalogue.
std::shared_ptr<PipelineStage> reconstruct_stage(const std::string& model);

/// The catalogue's name of the model with another architecture than InstantMesh's.
inline constexpr const char* kTripoSrModel = "triposr";

/// Makes TripoSR's planes of the foreground.
std::shared_ptr<PipelineStage> triposr_stage(const std::string& model);

/// Meshes a shape.
std::shared_ptr<PipelineStage> surface_stage(const std::string& model, std::unique_ptr<FieldSource> fields);

/// Cleans and simplifies a surface that was meshed of such a field.
std::shared_ptr<PipelineStage> simplify_stage(const std::string& model, std::unique_ptr<FieldSource> fields);

/// Textures a surface and completes the result.
std::shared_ptr<PipelineStage> texture_stage(const std::string& model, std::unique_ptr<FieldSource> fields);

}  // namespace relievo

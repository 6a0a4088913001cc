#include <algorithm>

#include <ATen/core/grad_mode.h>

#include "base/upright.h"
#include "engine/clean_name.h"
#include "engine/field_source.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "files/pictures.h"
#include "render/contact_sheet.h"
#include "render/turntable.h"
#include "runtime/torch/counting_allocator.h"
#include "surface/surface.h"
#include "texture/texture.h"

namespace relievo {
namespace {

constexpr int64_t kBytesPerTexel = 26;  // as texture/texture.h says

/// Renders the object at a slant, as a person would look at it first.
Image shaded(const TexturedMesh& mesh, const Control& control) {
  const Renderer renderer(mesh);
  const View view = framed_views(mesh.surface, {{30, 15}}, kPreviewSide)[0];
  constexpr int kSamples = 4;
  return from_bytes(on_background(renderer.render(view, kSamples, control), {}));
}

class TextureStage : public StageOf<CleanedPicture, FinishedPicture> {
 public:
  TextureStage(std::string model, std::unique_ptr<FieldSource> fields)
      : StageOf("texture", "texture"), model_(std::move(model)), fields_(std::move(fields)) {}

  void load(const StageLoad& load) override { fields_->load(load.worker); }
  void unload(const Worker& worker) override { fields_->unload(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const double texels = static_cast<double>(settings.texture_size) * settings.texture_size;
    const double side = fields_->grid_side(settings), faces = expected_faces(settings, side);
    constexpr double kBandTexels = 1 << 20, kBatchPoints = 1 << 16, kCovered = 0.7;
    const double band = std::min(texels, kBandTexels);
    // The workspace is a band of texels while they are found, or while a batch of them is coloured.
    const auto workspace = [&](double batch) {
      const double asking = std::min(kCovered * texels, batch) * fields_->bytes_per_point();
      return kBytesPerTexel * texels + 40 * faces + std::max(52.5 * band, 34 * band + asking);
    };
    StageMode mode;
    mode.weight_bytes = fields_->weight_bytes();
    mode.workspace_bytes = workspace(kBatchPoints);
    // This is the time of unwrapping, colouring, writing PNG files and rendering a picture to show.
    mode.host_seconds_per_picture = 0.6 + 1.7e-5 * faces + 4.5e-7 * texels;
    double& asking =
        fields_->is_asked_on_host(workers) ? mode.host_seconds_per_picture : mode.seconds_per_picture;
    asking += kCovered * texels * fields_->seconds_per_point();
    StageMode chunks = mode;
    chunks.execution.chunked = true;
    chunks.workspace_bytes = workspace(kBatchPoints / 2);
    chunks.seconds_per_picture *= 1.1;
    StageProfile profile{"", {mode, chunks}, kAnyBatch};
    profile.on_host = true;
    profile.variant = model_;
    profile.parts = {
        {.kind = PartKind::kPoints, .bytes_per_picture = static_cast<int64_t>(24 * kCovered * texels)}};
    profile.output_bytes_per_picture = static_cast<int64_t>(4 * texels);
    return profile;
  }

  FinishedPicture output_of(CleanedPicture cleaned, PictureWork& work, const StageCall& call,
                            const Execution& execution) override {
    const at::NoGradGuard no_grad;
    const GenerateRequest& request = *work.job->request;
    const Settings& settings = request.settings;
    const Control& control = execution.control;
    ShapedPicture& shaped = cleaned.shaped;
    const Foreground& foreground = *shaped.cut.foreground;
    const bool is_seen = fields_->faces_the_picture();
    const bool is_projected = settings.projection == "on" || (settings.projection == "auto" && is_seen);
    // Pictures of sides take the place of the one picture.
    const bool has_sides = is_seen && shaped.views;
    const TextureSources sources{.front = is_seen && !has_sides ? &foreground : nullptr,
                                 .views = shaped.views.get(),
                                 .from_best_view = has_sides,
                                 .detail = cleaned.detail.get()};
    Execution baking = execution;
    baking.control = control.part(0, 0.8);
    auto result = std::make_shared<GenerateResult>();
    {
      const MemoryCharge texels(kBytesPerTexel * settings.texture_size * settings.texture_size);
      result->mesh = texture_surface(*cleaned.surface, *fields_->field(shaped.shape, call), sources,
                                     {.size = settings.texture_size,
                                      .projection = is_projected,
                                      .vertex_colours = settings.vertex_colours},
                                     baking);
    }
    TexturedMesh& mesh = result->mesh;
    result->name = clean_name(request.name.empty() ? request.picture.stem().string() : request.name);
    mesh.provenance = {.picture = request.picture.empty() ? result->name : request.picture.string(),
                       .model = model_,
                       .settings = to_json(settings),
                       .version = version(),
                       .checksum = shaped.cut.checksum};
    result->albedo_png = encode_png(mesh.albedo, mesh.provenance);
    control.step(0.9);
    if (!mesh.normal_map.pixels.empty())
      result->normal_map_png = encode_png(mesh.normal_map, mesh.provenance);

    mesh.report = inspect_surface(mesh.surface);

    turn_upright(mesh.surface, shaped.elevation);
    turn_to_scene(mesh.surface);

    result->foreground = to_bytes(foreground.image);
    result->crop = foreground.crop;
    result->notes = std::move(work.notes);
    work.job->on_picture("shaded", shaded(mesh, control.part(0.95, 1)));
    return result;
  }

 private:
  std::string model_;
  std::unique_ptr<FieldSource> fields_;
};

}  // namespace

std::shared_ptr<PipelineStage> texture_stage(const std::string& model, std::unique_ptr<FieldSource> fields) {
  return std::make_shared<TextureStage>(model, std::move(fields));
}

}  // namespace relievo

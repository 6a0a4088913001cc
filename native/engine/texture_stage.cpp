#include <algorithm>

#include <ATen/core/grad_mode.h>

#include "engine/clean_name.h"
#include "engine/field_of_planes.h"
#include "engine/stages.h"
#include "files/pictures.h"
#include "render/contact_sheet.h"
#include "render/turntable.h"
#include "runtime/torch/counting_allocator.h"
#include "surface/surface.h"
#include "texture/texture.h"

namespace relievo {
namespace {

constexpr int64_t kBytesPerTexel = 26;  // texture.h

/// The object at a slant, as a person would look at it first.
Image shaded(const TexturedMesh& mesh, const Control& control) {
  const Renderer renderer(mesh);
  const View view = framed_views(mesh.surface, {{30, 15}}, kPreviewSide)[0];
  constexpr int kSamples = 4;
  return from_bytes(on_background(renderer.render(view, kSamples, control), {}));
}

class TextureStage : public PipelineStage {
 public:
  explicit TextureStage(const std::string& model)
      : PipelineStage("texture", "texture"), model_(model), fields_(model) {}

  void load(const StageLoad& load) override { fields_.load(load.slot); }
  void unload(const Slot& slot) override { fields_.unload(slot); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Slot>& slots) const override {
    const double texels = static_cast<double>(settings.texture_size) * settings.texture_size;
    const double side = fields_.grid_side(settings), faces = expected_faces(settings, side);
    constexpr double kBandTexels = 1 << 20, kBatchPoints = 1 << 16, kCovered = 0.7;
    const double band = std::min(texels, kBandTexels);
    // A band of texels while they are found, or while a batch of them is coloured.
    const auto workspace = [&](double batch) {
      const double asking = std::min(kCovered * texels, batch) * fields_.bytes_per_point();
      return kBytesPerTexel * texels + 40 * faces + std::max(52.5 * band, 34 * band + asking);
    };
    StageMode mode;
    mode.weight_bytes = fields_.weight_bytes();
    mode.workspace_bytes = workspace(kBatchPoints);
    // Unwrapping, colouring, PNG files, a picture to show.
    mode.host_seconds_per_picture = 0.3 + 6e-5 * faces + 1e-6 * texels;
    double& asking =
        fields_.is_asked_on_host(slots) ? mode.host_seconds_per_picture : mode.seconds_per_picture;
    asking += kCovered * texels * fields_.seconds_per_point();
    StageMode chunks = mode;
    chunks.rung = Rung::kChunks;
    chunks.workspace_bytes = workspace(kBatchPoints / 2);
    chunks.seconds_per_picture *= 1.1;
    StageProfile profile{"", {mode, chunks}, kMaxBatch};
    profile.variant = model_;
    profile.points = true;
    profile.activation_bytes_per_picture = static_cast<int64_t>(24 * kCovered * texels);
    profile.output_bytes_per_picture = static_cast<int64_t>(4 * texels);
    return profile;
  }

  PictureWork make(PictureWork work, const StageCall& call, const Execution& execution) override {
    const at::NoGradGuard no_grad;
    const GenerateRequest& request = *work.job->request;
    const Settings& settings = request.settings;
    const Control& control = execution.control;
    const bool is_preview = model_ == kPreviewModel;
    const bool is_projected = settings.projection == "on" || (settings.projection == "auto" && is_preview);
    const TextureSources sources{.front = is_preview ? work.foreground.get() : nullptr,
                                 .views = work.views.get(),
                                 .detail = work.detail.get()};
    Execution baking = execution;
    baking.control = control.part(0, 0.8);
    auto result = std::make_shared<GenerateResult>();
    {
      const MemoryCharge texels(kBytesPerTexel * settings.texture_size * settings.texture_size);
      result->mesh = texture_surface(*work.surface, *fields_.field(work, call), sources,
                                     {.size = settings.texture_size,
                                      .projection = is_projected,
                                      .vertex_colours = settings.vertex_colours},
                                     baking);
    }
    TexturedMesh& mesh = result->mesh;
    result->albedo_png = encode_png(mesh.albedo);
    control.step(0.9);
    if (!mesh.normal_map.pixels.empty()) result->normal_map_png = encode_png(mesh.normal_map);

    mesh.report = inspect_surface(mesh.surface);

    turn_to_scene(mesh.surface);

    result->name = clean_name(request.name.empty() ? request.picture.stem().string() : request.name);
    mesh.provenance = {.picture = request.picture.empty() ? result->name : request.picture.string(),
                       .model = model_,
                       .settings = to_json(settings),
                       .version = version()};
    result->foreground = to_bytes(work.foreground->image);
    result->crop = work.foreground->crop;
    result->notes = std::move(work.notes);
    work.job->on_picture("shaded", shaded(mesh, control.part(0.95, 1)));
    PictureWork done;  // what led to the result is not needed any more
    done.job = work.job;
    done.result = std::move(result);
    return done;
  }

 private:
  std::string model_;
  FieldsOfPlanes fields_;
};

}  // namespace

std::shared_ptr<PipelineStage> texture_stage(const std::string& model) {
  return std::make_shared<TextureStage>(model);
}

}  // namespace relievo

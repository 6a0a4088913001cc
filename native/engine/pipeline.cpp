#include "engine/pipeline.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/costs.h"
#include "engine/own_views.h"
#include "engine/stages.h"
#include "files/pictures.h"
#include "weights/catalogue.h"

namespace relievo {

namespace fs = std::filesystem;

bool sees_views(const std::string& model) {
  const auto is_it = [&](const CatalogueModel& other) { return other.name == model && other.one_picture; };
  return model != kPreviewModel && model != kCompactModel && std::ranges::none_of(catalogue(), is_it);
}

PipelineConfig pipeline_config(const Settings& settings) {
  return {settings.model, !settings.views.empty() || !settings.sheet.empty()};
}

std::vector<std::shared_ptr<PipelineStage>> make_stages(const PipelineConfig& config,
                                                        const fs::path& embedded_models, bool cuda_graphs) {
  std::vector<std::shared_ptr<PipelineStage>> stages{std::make_shared<ForegroundStage>(embedded_models)};
  const bool is_preview = config.model == kPreviewModel, is_compact = config.model == kCompactModel;
  if (is_preview) {
    stages.push_back(inflate_stage());
  } else if (is_compact) {
    stages.push_back(compact_stage(embedded_models));
  } else if (config.model == kTripoSrModel) {
    stages.push_back(triposr_stage(config.model));
  } else {
    if (config.own_views) {
      stages.push_back(own_views_stage());
    } else {
      stages.push_back(condition_stage());
      stages.push_back(diffusion_stage(cuda_graphs));
      stages.push_back(decode_stage());
    }
    stages.push_back(reconstruct_stage(config.model));
  }
  const auto fields = [&] {
    if (is_preview) return inflated_fields();
    return is_compact ? compact_fields() : triplane_fields(config.model);
  };
  stages.push_back(surface_stage(config.model, fields()));
  stages.push_back(simplify_stage(config.model, fields()));
  stages.push_back(texture_stage(config.model, fields()));
  return stages;
}

void prepare(const std::vector<std::shared_ptr<PipelineStage>>& stages, const Settings& settings,
             const std::vector<Worker>& workers, const MeasuredCosts& measured, int64_t decoding_bytes) {
  const std::vector<CostSample> samples = samples_for(workers.front(), measured);
  std::vector<CostSample> of_one_thread;
  if (workers.front().threads > 1) {
    Worker side = workers.front();
    side.threads = 1;
    of_one_thread = samples_for(side, measured);
    std::erase_if(of_one_thread, [](const CostSample& sample) { return sample.threads > 1; });
  }
  const auto seconds = [&](const auto& stage) {
    return stage->profile().on(workers.front()).modes.front().time(1, workers.front());
  };
  double total = 0, done = 0;
  for (const auto& stage : stages) {
    stage->prepare(settings, workers, samples, of_one_thread, decoding_bytes);
    total += seconds(stage);
  }
  for (const auto& stage : stages) {
    const double share = seconds(stage) / total;
    stage->set_share(done, done + share);
    done += share;
  }
}

void limit_batches(const std::vector<std::shared_ptr<PipelineStage>>& stages,
                   const std::vector<Worker>& workers, const CostStore& costs) {
  for (const auto& stage : stages) {
    const StageProfile& profile = stage->profile();
    int batch = profile.max_batch;
    for (const Worker& worker : workers) {
      const StageProfile& there = profile.on(worker);
      batch = costs.batch_limit(worker, there, there.modes.front(), batch);
    }
    stage->limit_batch(std::max(batch, 1));
  }
}

std::vector<StageProfile> profiles_of(const std::vector<std::shared_ptr<PipelineStage>>& stages) {
  std::vector<StageProfile> profiles;
  for (const auto& stage : stages) profiles.push_back(stage->profile());
  return profiles;
}

std::string size_for_costs(const Settings& settings) {
  Settings size;
  size.model = settings.model;
  for (const OwnView& view : settings.views) {  // their number, and whether they have cameras
    OwnView& any = size.views.emplace_back(OwnView{.picture = "view"});
    if (view.has_camera()) any.azimuth = 10.0 * static_cast<double>(size.views.size());
  }
  size.sheet = settings.sheet;
  if (cut_views(settings) > 0 && settings.projection == "on") size.projection = "on";
  size.view_count = settings.view_count;
  size.steps = settings.steps;
  size.sampler = settings.sampler;
  size.guidance = settings.guidance;
  size.input_size = settings.input_size;
  size.precision = settings.precision;
  size.grid = settings.grid;
  size.faces = settings.faces;
  size.texture_size = settings.texture_size;
  return to_json(size);
}

bool same_costs(const Settings& a, const Settings& b) { return size_for_costs(a) == size_for_costs(b); }

fs::path find_models(const fs::path& given) { return given.empty() ? embedded_folder() : given; }

void check_picture_size(int64_t width, int64_t height) {
  const PictureOptions limits;
  const bool fits =
      width <= limits.max_side && height <= limits.max_side && width * height <= limits.max_pixels;
  if (fits) return;
  throw Error(ErrorCode::kInvalidImage,
              fmt::format("The picture has {} x {} pixels; at most {} a side and {} in all can be read.",
                          width, height, limits.max_side, limits.max_pixels),
              "Scale the picture down first.");
}

const OwnView* view_as_picture(const GenerateRequest& request) {
  const bool is_in_memory =
      !request.image.empty() || !request.bytes.pixels.empty() || !request.encoded.empty();
  const auto& views = request.settings.views;
  if (is_in_memory || views.empty() || request.picture != views.front().picture) return nullptr;
  return &views.front();
}

void complete_request(GenerateRequest& request) {
  Settings& settings = request.settings;
  validate(settings);
  const bool has_views = sees_views(settings.model);
  const bool is_preview = settings.model == kPreviewModel;
  if (!has_views && !is_preview && pipeline_config(settings).own_views) {
    throw Error(
        ErrorCode::kInvalidSettings, fmt::format("The model '{}' takes no views.", settings.model),
        "Use preview or a reconstruction model, for example instant-mesh-large, or leave the views out.");
  }
  if (settings.model == kCompactModel) {
    compact_weights(find_models({}));
  } else if (!is_preview) {
    const CatalogueModel& model = catalogue_model(settings.model);
    if (std::find(model.stages.begin(), model.stages.end(), "reconstruct") == model.stages.end()) {
      throw Error(ErrorCode::kInvalidSettings,
                  fmt::format("The model '{}' makes no objects.", settings.model),
                  "Use preview, or a reconstruction model. `relievo models list` shows them.");
    }
    find_model(settings.model);
    if (has_views && !pipeline_config(settings).own_views) find_model(kMultiviewModel);
  }
  settings.views = expand_views(settings.views);
  check_views(settings.views);
  const bool is_empty = request.picture.empty() && request.image.empty() && request.bytes.pixels.empty() &&
                        request.encoded.empty();
  if (is_empty && !settings.views.empty()) {
    request.picture = settings.views.front().picture;
  } else if (is_empty) {
    throw Error(ErrorCode::kInvalidSettings, "The request has neither a picture file nor a picture.",
                "Name a picture file, or give its content or its pixels.");
  }
  if (is_preview) check_sides(settings.views, view_as_picture(request) == nullptr);
}

}  // namespace relievo

// Chooses the stages of a generation and prepares their costs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/pipeline_stage.h"
#include "runtime/costs/cost_store.h"

namespace relievo {

/// The choices that decide which stages there are and which weights they hold.
struct PipelineConfig {
  std::string model;
  /// The person's own views or sheet, so there is no diffusion.
  bool own_views = false;

  bool operator==(const PipelineConfig&) const = default;
};
PipelineConfig pipeline_config(const Settings& settings);

/// Makes the stages in their order. `embedded_models` is the folder of the weights that come with the
/// program, `cuda_graphs` is EngineOptions'.
std::vector<std::shared_ptr<PipelineStage>> make_stages(const PipelineConfig& config,
                                                        const std::filesystem::path& embedded_models,
                                                        bool cuda_graphs = false);

/// Prepares the stages for these settings on workers like the first: sets their costs, as `relievo profile`
/// measured them where it did, and their shares of the progress. `decoding_bytes` is the most memory that
/// decoding a picture takes beside the picture itself.
void prepare(const std::vector<std::shared_ptr<PipelineStage>>& stages, const Settings& settings,
             const std::vector<Worker>& workers, const MeasuredCosts& measured = {},
             int64_t decoding_bytes = 0);

/// Lets the stages take no larger batches than were learnt to fit into all of these workers, but at least one
/// picture.
void limit_batches(const std::vector<std::shared_ptr<PipelineStage>>& stages,
                   const std::vector<Worker>& workers, const CostStore& costs);

std::vector<StageProfile> profiles_of(const std::vector<std::shared_ptr<PipelineStage>>& stages);

/// Returns whether pictures with these settings may be made in one run: their stages cost the same and hold
/// the same weights.
bool same_costs(const Settings& a, const Settings& b);

/// The settings that decide what stages cost, and no others, as JSON: what samples call their size.
std::string size_for_costs(const Settings& settings);

/// The folder of the embedded models: `given` when it is not empty, else that of weights/catalogue.h.
std::filesystem::path find_models(const std::filesystem::path& given);

/// The first of the person's own views, where the request has no other picture than that.
const OwnView* view_as_picture(const GenerateRequest& request);

/// Expands the request's own views (engine/own_views.h); where it has no other picture, the first of them is
/// its picture. Throws Error{kInvalidSettings} or Error{kModelMissing} for a request that cannot be run, and
/// Error{kIo} for views that cannot be read.
void complete_request(GenerateRequest& request);

}  // namespace relievo

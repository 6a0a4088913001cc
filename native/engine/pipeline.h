// Which stages a generation has, and what they cost.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/pipeline_stage.h"
#include "runtime/costs/cost_store.h"

namespace relievo {

/// What decides which stages there are and which weights they hold.
struct Recipe {
  std::string model;
  bool own_views = false;  ///< the person's: no diffusion

  bool operator==(const Recipe&) const = default;
};
Recipe recipe_of(const Settings& settings);

/// In their order. `embedded_models`: the folder of the weights that come with the program.
std::vector<std::shared_ptr<PipelineStage>> make_stages(const Recipe& recipe,
                                                        const std::filesystem::path& embedded_models);

/// Sets what the stages cost with these settings on workers like the first, as measured where it was
/// calibrated
/// (`relievo calibrate`), and their parts of the progress. `decoding_bytes`: what decoding a picture takes at
/// most beside the picture itself.
void prepare(const std::vector<std::shared_ptr<PipelineStage>>& stages, const Settings& settings,
             const std::vector<Worker>& workers, const MeasuredCosts& measured = {},
             int64_t decoding_bytes = 0);

/// Has the stages take no larger batches than were learnt to fit into all of these workers; at least one
/// picture.
void limit_batches(const std::vector<std::shared_ptr<PipelineStage>>& stages,
                   const std::vector<Worker>& workers, const CostStore& costs);

std::vector<StageProfile> profiles_of(const std::vector<std::shared_ptr<PipelineStage>>& stages);

/// Whether pictures with these settings may be made in one run: stages cost the same and hold the same.
bool same_costs(const Settings& a, const Settings& b);

/// The folder of the embedded models: `given` when it is not empty, else that of weights/catalogue.h.
std::filesystem::path find_models(const std::filesystem::path& given);

/// Throws Error{kInvalidSettings} or Error{kModelMissing} for a request that cannot be run.
void check_request(const GenerateRequest& request);

}  // namespace relievo

// A run of the whole pipeline on workers of the caller's choice, by the executor, without an engine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/execute/job_source.h"
#include "runtime/plan/plan.h"
#include "verify/random_models.h"

namespace relievo {

struct PipelineRun {
  Plan plan;
  std::vector<StageRun> stages;    ///< of the first picture
  std::vector<std::string> notes;  ///< fallbacks that were taken while it ran
  std::vector<TexturedMesh> meshes;
  double seconds = 0;
  int64_t planned_bytes = 0;  ///< the highest use that the plan has for the first worker
  int64_t counted_bytes = 0;  ///< the highest use of the first worker's account
};

/// Makes `pictures` of a shaded ball. The models are those that the process has; what was measured of them
/// and learnt of batches is neither used nor kept. `adapt` may change the plan. Throws the first picture's
/// error and those of planning.
PipelineRun run_pipeline(const std::vector<Worker>& workers, const Settings& settings, int pictures,
                         Strategy strategy, const CancelToken& cancel,
                         const std::function<void(Plan&)>& adapt = {});

/// The settings of a picture by the random models (verify/random_models.h), as small as the models are.
Settings random_model_settings(ModelSize size);

}  // namespace relievo

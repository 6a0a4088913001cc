#include "engine/stages.h"

namespace relievo {

at::Tensor cameras_of_views() { return {}; }
std::shared_ptr<PipelineStage> condition_stage() { throw Error(ErrorCode::kInternal, "not yet"); }
std::shared_ptr<PipelineStage> diffusion_stage() { throw Error(ErrorCode::kInternal, "not yet"); }
std::shared_ptr<PipelineStage> decode_stage() { throw Error(ErrorCode::kInternal, "not yet"); }

}  // namespace relievo

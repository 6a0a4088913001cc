// How workers share a stage's work on each picture, and what that takes. Only the search uses it.
#pragma once

#include <span>
#include <vector>

#include "runtime/costs/costs.h"

namespace relievo {

struct SharingQuestion {
  const StageProfile& stage;
  std::span<const Worker> workers;
  Fallbacks fallbacks = {};  ///< that the stage may take
};

/// A stage on one worker, or on several that share it.
struct SharedStage {
  std::vector<size_t> sharers;  ///< among the workers; the first leads
  const StageMode* mode = nullptr;
  double seconds = 0, transfer = 0;  ///< of a picture: in all, and of it for what the sharers give each other
  std::vector<double> computing;     ///< of it, by sharer
  PartKind kind = PartKind::kPoints;
  std::vector<int> parts = {};  ///< by sharer; empty where they take them as they are free
  double repeated = 0;          ///< as PictureParts::repeated
};

SharedStage on_one(const SharingQuestion& question, size_t worker);

/// The quickest way to have the workers of `order` share the stage, some or all of them; the first leads. It
/// is on the first alone where that is quickest, but where sharing is `wanted`.
SharedStage quickest_sharing(const SharingQuestion& question, const std::vector<size_t>& order, bool wanted);

}  // namespace relievo

// Stages and workers of a known size, for tests that work a plan out by hand.
#pragma once

#include <string>
#include <vector>

#include "runtime/plan/plan.h"

namespace relievo {

inline constexpr int64_t kMiB = 1 << 20;

inline StageProfile stage(const char* name, int64_t weights_mib, double seconds, int blocks = 1) {
  StageMode mode;
  mode.weight_bytes = weights_mib * kMiB;
  mode.workspace_bytes_per_picture = double(100 * kMiB);
  mode.seconds_per_picture = seconds;
  StageProfile profile;
  profile.name = name;
  profile.modes = {mode};
  profile.blocks = blocks;
  return profile;
}

inline std::vector<PictureParts> halves() { return {{.kind = PartKind::kHalves, .count = 2}}; }
inline std::vector<PictureParts> points() { return {{.kind = PartKind::kPoints}}; }

inline std::vector<Worker> equal_workers(int count, int64_t mib) {
  std::vector<Worker> workers(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    workers[size_t(i)].name = "worker" + std::to_string(i);
    workers[size_t(i)].budget_bytes = mib * kMiB;
  }
  return workers;
}

}  // namespace relievo

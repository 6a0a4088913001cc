#include "runtime/execute/weight_cache.h"

#include <utility>

namespace relievo {

void Residency::ensure(size_t slot, size_t stage, const StageLoad& wanted) {
  std::optional<StageLoad> had;
  {
    const std::lock_guard lock(mutex_);
    had = loaded_[slot][stage];
  }
  // Chunks and tiles use the weights of the full mode; another precision does not.
  const bool fits = had && had->mode.precision == wanted.mode.precision &&
                    had->first_block == wanted.first_block && had->last_block == wanted.last_block;
  if (fits) return;
  if (had) unload(slot, stage);
  StageLoad noted = wanted;  // before, so that nothing can fail between loading and noting it
  stages_[stage]->load(wanted);
  const std::lock_guard lock(mutex_);
  loaded_[slot][stage] = std::move(noted);
}

void Residency::unload(size_t slot, size_t stage) {
  std::optional<StageLoad> had;
  {
    const std::lock_guard lock(mutex_);
    had.swap(loaded_[slot][stage]);
  }
  if (had) stages_[stage]->unload(had->slot);
}

bool Residency::unload_others(size_t slot, size_t kept) {
  bool any = false;
  for (size_t stage = 0; stage < stages_.size(); ++stage) {
    if (stage == kept) continue;
    {
      const std::lock_guard lock(mutex_);
      if (!loaded_[slot][stage]) continue;
    }
    unload(slot, stage);
    any = true;
  }
  return any;
}

int Residency::count() const {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& slot : loaded_) {
    for (const auto& stage : slot) count += stage.has_value() ? 1 : 0;
  }
  return count;
}

}  // namespace relievo

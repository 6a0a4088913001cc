// Which weights are in which slot.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/costs/stage.h"
#include "runtime/execute/device_thread.h"

namespace relievo {

class Residency {
 public:
  Residency(const std::vector<std::shared_ptr<Stage>>& stages, size_t slots)
      : stages_(stages), loaded_(slots, std::vector<std::optional<StageLoad>>(stages.size())) {}

  /// Makes the slot hold exactly this of the stage. On the slot's thread.
  void ensure(size_t slot, size_t stage, const StageLoad& wanted);
  /// On the slot's thread.
  void unload(size_t slot, size_t stage);
  /// Everything but `kept`; returns whether there was anything. On the slot's thread.
  bool unload_others(size_t slot, size_t kept);
  int count() const;

 private:
  const std::vector<std::shared_ptr<Stage>>& stages_;
  mutable std::mutex mutex_;
  std::vector<std::vector<std::optional<StageLoad>>> loaded_;  // by slot and stage
};

}  // namespace relievo

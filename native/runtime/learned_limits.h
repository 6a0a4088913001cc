// What did not fit, so that it is not tried again.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "runtime/slots.h"
#include "runtime/stage_costs.h"

namespace relievo {

/// Any thread may call it.
class LearnedLimits {
 public:
  /// Remembers in `path` (JSON); empty: only as long as it lives. A file that cannot be read counts as empty.
  explicit LearnedLimits(std::string path = {});

  /// The largest batch that is worth trying, at most `wanted`; 0: not even one picture fits in this mode.
  int batch(const Slot& slot, const std::string& stage, Rung rung, int wanted) const;

  /// `failed` pictures at a time did not fit in the slot's budget.
  void learn(const Slot& slot, const std::string& stage, Rung rung, int failed);

  void forget();

 private:
  struct Limit {
    int batch = 0;
    int64_t budget_bytes = 0;  // of the slot then: says nothing about a larger one
  };

  std::string path_;
  mutable std::mutex mutex_;
  std::map<std::string, Limit> limits_;
};

}  // namespace relievo

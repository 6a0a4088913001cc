// What did not fit, so that it is not tried again.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "runtime/costs/costs.h"
#include "runtime/machine/slots.h"

namespace relievo {

/// Any thread may call it.
class LearnedLimits {
 public:
  /// Remembers in `path` (JSON); empty: only as long as it lives. A file that cannot be read counts as empty,
  /// and so does what was learnt more than a week ago: other programs may have had the memory then.
  explicit LearnedLimits(std::string path = {});

  static std::string default_path();  ///< beside the measured costs

  /// The largest batch that is worth trying: `wanted`, half of it, and so on; 0: not even one picture. What
  /// was planned to take as much as something that did not fit in this mode, in no smaller a slot, is not.
  int batch(const Slot& slot, const StageProfile& stage, const StageMode& mode, int wanted) const;

  /// `failed` pictures at a time did not fit in the slot's budget.
  void learn(const Slot& slot, const StageProfile& stage, const StageMode& mode, int failed);

 private:
  struct Limit {
    int64_t planned_bytes = 0;  // were too much
    int64_t budget_bytes = 0;   // of the slot then
    int64_t when = 0;           // seconds since 1970
  };

  void write() const;  // under the lock

  std::string path_;
  mutable std::mutex mutex_;
  std::map<std::string, Limit> limits_;
};

}  // namespace relievo

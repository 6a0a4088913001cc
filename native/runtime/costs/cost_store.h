// What was measured and learnt on the devices of this machine, from one run of the program to the next.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/costs/costs.h"

namespace relievo {

/// Samples by device (Worker::product).
using MeasuredCosts = std::map<std::string, std::vector<CostSample>>;

/// Two JSON files in the user's cache folder: costs.json has samples, limits.json what did not fit, so that
/// it is not tried again. A file that cannot be read counts as empty, and so does what was learnt more than a
/// week ago: other programs may have had the memory then. Any thread may call it.
class CostStore {
 public:
  /// `folder` empty: nothing was measured, and limits last only as long as it lives.
  explicit CostStore(std::filesystem::path folder = default_folder());

  static std::filesystem::path default_folder();  ///< $XDG_CACHE_HOME/relievo

  std::filesystem::path costs_path() const { return folder_ / "costs.json"; }

  /// Reads the file: once a plan is enough.
  MeasuredCosts measured() const;
  /// Replaces what is known of the same stage, variant, size, mode, batch and threads. Throws Error{kIo} when
  /// writing fails.
  void add(const std::string& device, const std::vector<CostSample>& samples) const;

  /// The largest batch that is worth trying: `wanted`, half of it, and so on; 0: not even one picture. What
  /// was planned to take as much as something that did not fit in this mode, in no smaller a worker, is not.
  int batch_limit(const Worker& worker, const StageProfile& stage, const StageMode& mode, int wanted) const;

  /// `failed` pictures at a time did not fit in the worker's budget.
  void learn_limit(const Worker& worker, const StageProfile& stage, const StageMode& mode, int failed);

 private:
  struct Limit {
    int64_t planned_bytes = 0;  // were too much
    int64_t budget_bytes = 0;   // of the worker then
    int64_t when = 0;           // seconds since 1970
  };

  std::filesystem::path limits_path() const { return folder_ / "limits.json"; }
  void write_limits() const;  // under the lock

  std::filesystem::path folder_;
  mutable std::mutex mutex_;
  std::map<std::string, Limit> limits_;
};

}  // namespace relievo

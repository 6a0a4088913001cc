// Keeps what was measured and learnt on the devices of this machine from one run of the program to the next.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "runtime/costs/costs.h"

namespace relievo {

/// Samples by device (Worker::product).
using MeasuredCosts = std::map<std::string, std::vector<CostSample>>;

/// Two JSON files in the user's cache folder: costs.json has samples, limits.json the batches that did not
/// fit, so that they are not tried again. A file that cannot be read counts as empty, and so do limits that
/// are older than a week, because other programs may have had the memory then. Any thread may call it.
class CostStore {
 public:
  /// How long what jobs took stays in memory before it is written: a program that is killed loses no more.
  static constexpr std::chrono::seconds kWriteEvery{10};

  /// With an empty `folder` nothing was measured, and limits last only as long as the object.
  explicit CostStore(std::filesystem::path folder = default_folder(),
                     std::chrono::seconds write_every = kWriteEvery);
  ~CostStore();  ///< writes what is left
  CostStore(const CostStore&) = delete;
  CostStore& operator=(const CostStore&) = delete;

  static std::filesystem::path default_folder();  ///< $XDG_CACHE_HOME/relievo

  std::filesystem::path costs_path() const { return folder_ / "costs.json"; }

  /// Reads the samples from the file, and adds what was learnt since; doing so once for each plan is enough.
  MeasuredCosts measured() const;
  /// Replaces the samples of the same stage, variant, size, mode, batch and threads. Throws Error{kIo} when
  /// writing fails.
  void add(const std::string& device, const std::vector<CostSample>& samples) const;

  /// Adds what jobs took: the seconds become the mean with those of the same calls before, of which the last
  /// few count most. Bytes stay as they were measured. The file is written now and then, and by keep().
  void learn(const std::string& device, const std::vector<CostSample>& samples);
  /// Writes what was learnt and is not written yet, as at the end of a run. A file that cannot be written is
  /// told once in the log.
  void keep();

  /// The largest batch that is worth trying: `wanted`, half of it, and so on; 0 means not even one picture. A
  /// batch is not tried when it was planned to take as much memory as one that did not fit in this mode in a
  /// worker of the same size or larger.
  int batch_limit(const Worker& worker, const StageProfile& stage, const StageMode& mode, int wanted) const;

  /// Raises what the modes are expected to need, where a single picture did not fit into a worker, to more
  /// than that worker had: a plan then looks for another place.
  void raise_to_limits(StageProfile& stage) const;

  /// Records that `failed` pictures at a time did not fit in the worker's budget.
  void learn_limit(const Worker& worker, const StageProfile& stage, const StageMode& mode, int failed);

 private:
  struct Limit {
    int64_t planned_bytes = 0;  // bytes that were too many
    int64_t budget_bytes = 0;   // budget of the worker at that time
    int64_t when = 0;           // in seconds since 1970
  };

  std::filesystem::path limits_path() const { return folder_ / "limits.json"; }
  // These are called with the lock held.
  void write_limits() const;
  void write_learnt() noexcept;

  const std::filesystem::path folder_;
  const std::chrono::seconds write_every_;
  mutable std::mutex mutex_;
  MeasuredCosts learnt_;  // since the file was written, in the order of their calls
  Clock::time_point written_ = Clock::now();
  bool has_warned_ = false;
  std::map<std::string, Limit> limits_;
};

}  // namespace relievo

// What a stage costs: bytes of weights and of workspace, and seconds, for a mode and a batch. Learnt from
// samples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace relievo {

/// The rungs of the ladder that change how a stage runs (docs/architecture.md, decision 5). The last two
/// change the result.
enum class Rung { kFull, kChunks, kTiled, kHalf, kSmallerInput };

inline bool is_lossy(Rung rung) { return rung >= Rung::kHalf; }

/// `full`, `chunks`, ... as plans and cost files write it.
std::string rung_name(Rung rung);

/// One way to run a stage. Costs are affine in the batch: what is there once, and what each picture adds.
struct StageMode {
  Rung rung = Rung::kFull;
  std::string precision = "fp32";  ///< `fp32`, `bf16`, `fp16`
  int64_t weight_bytes = 0;
  double workspace_bytes = 0;
  double workspace_bytes_per_picture = 0;
  double seconds = 0;  ///< of one call, on a slot of speed 1
  double seconds_per_picture = 0;

  int64_t workspace(int batch) const;  ///< bytes, rounded up
  double time(int batch) const { return seconds + seconds_per_picture * batch; }
};

/// A stage as the planner sees it.
struct StageProfile {
  std::string name;
  std::vector<StageMode> modes;  ///< in the order of the ladder; the first is what is wanted
  int max_batch = 1;
  int blocks = 1;                            ///< that its layers can be split into, over slots
  bool guidance_halves = false;              ///< its two guidance halves can run on two slots
  bool points = false;                       ///< its query points can be divided over slots
  int64_t output_bytes_per_picture = 0;      ///< handed to the next stage
  int64_t activation_bytes_per_picture = 0;  ///< handed from slot to slot inside it, when it is split
  double handovers = 1;                      ///< how often that happens a call: diffusion steps

  /// The mode to use when the ladder has been taken down to `rung`: the last one at or above it.
  const StageMode& mode(Rung rung) const;
};

/// One measurement.
struct CostSample {
  std::string stage;
  Rung rung = Rung::kFull;
  std::string precision;
  int batch = 1;
  int64_t weight_bytes = 0;
  int64_t workspace_bytes = 0;  ///< peak of the call less what was there before
  double seconds = 0;
};

/// Sets the costs of every mode of which `samples` holds at least one batch; the affine parts by least
/// squares over the batches (never negative), the workspace's so that no sample lies above the line.
void fit_costs(StageProfile& profile, const std::vector<CostSample>& samples);

/// Keeps samples by device in a JSON file of the user's cache folder. A file that cannot be read counts as
/// empty: it is a cache. Throws Error{kIo} when writing fails.
class CostStore {
 public:
  explicit CostStore(std::string path = default_path());

  static std::string default_path();  ///< $XDG_CACHE_HOME/relievo/costs.json

  std::vector<CostSample> samples(const std::string& device) const;
  /// Replaces what is known of the same stage, rung, precision and batch.
  void add(const std::string& device, const std::vector<CostSample>& samples) const;

 private:
  std::string path_;
};

}  // namespace relievo

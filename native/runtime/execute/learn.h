// What a finished job tells of costs.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/costs/cost_store.h"
#include "runtime/execute/job_source.h"

namespace relievo {

/// The stage that samples of copies between devices name; their variant is the pair, `cuda:0 cuda:1`.
inline constexpr const char* kLinkStage = "link";
std::string link_variant(int from, int to);  ///< indices of GPUs
/// The sample of a copy from this worker to another GPU.
CostSample link_sample(const Worker& from, int to, int64_t bytes, double seconds);

/// Makes samples of what stages took, by the product of their workers. `workers` have the speeds that were
/// expected before anything was measured, as all samples do; `planned` are the same with measured speeds.
/// `size` is what was asked of the stages. Of a stage that several workers shared, the sample is what the
/// first would have taken alone: the seconds in which each computed, by its speed. Copies of a megabyte and
/// more become samples of links.
MeasuredCosts samples_of(std::span<const StageRun> runs, const std::vector<Worker>& workers,
                         const std::vector<Worker>& planned, const std::vector<StageProfile>& profiles,
                         const std::string& size);

/// Sets the workers' links as they were measured.
void set_measured_links(std::vector<Worker>& workers, const MeasuredCosts& measured);

}  // namespace relievo

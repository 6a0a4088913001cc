#include "runtime/plan/candidates.h"

#include <algorithm>
#include <bit>

#include "runtime/machine/links.h"
#include "runtime/plan/group_builder.h"
#include "runtime/plan/stations.h"

namespace relievo {

std::vector<DeviceGroup> GroupBuilder::build() {
  const Strategy wish = q_.options.strategy;
  const auto allowed = [&](Strategy strategy) { return wish == Strategy::kAuto || wish == strategy; };
  for (int batch = 1;; batch = std::min(2 * batch, max_batch_)) {
    any_fits_ = false;
    if (q_.workers.size() == 1) {
      if (needs_several(wish)) return {};
      const size_t least = wish == Strategy::kOffload ? std::min<size_t>(1, count_) : 0;
      for (size_t offloaded = least; offloaded <= count_; ++offloaded) {
        if (count_ == 1 && offloaded == 1 && wish != Strategy::kOffload) continue;
        if (offloaded > 0 && (wish == Strategy::kSingle || wish == Strategy::kData) && count_ == 1) continue;
        add_single(batch, offloaded, false);
        if (offloaded > 0) add_single(batch, offloaded, true);
      }
    } else {
      if (allowed(Strategy::kStage)) add_pipelines(batch);
      if (allowed(Strategy::kSplit)) add_layer_splits(batch);
      if (allowed(Strategy::kGuidance) && batch == 1) add_shared();  // PictureParts
    }
    if (batch == max_batch_ || !any_fits_) break;  // nothing fits that does not with fewer
  }
  return std::move(groups_);
}

void GroupBuilder::add_single(int batch, size_t offloaded, bool ahead) {
  const Worker& worker = q_.workers[0];
  std::vector<bool> resident(count_, true);
  for (size_t i = 0; i < offloaded; ++i) resident[by_weight_[i]] = false;
  DeviceGroup result = group(GroupKind::kReplica, batch);
  int64_t kept = handed_on(batch), most = 0;
  for (size_t i = 0; i < count_; ++i) kept += resident[i] ? modes_[i]->weight_bytes : 0;
  int64_t running = 0;  // workspace of the stage before
  double time = 0;      // of the stage before
  std::vector<double> beside(count_);
  bool any_ahead = false;
  for (size_t i = 0; i < count_; ++i) {
    const int64_t weights = resident[i] ? 0 : modes_[i]->weight_bytes;
    double loading = resident[i] ? 0 : load_seconds(i, worker);
    result.stages.push_back(placement(i, resident[i], {result.workers[0]}));
    if (ahead && i > 0 && !resident[i] && kept + running + weights <= budget(0)) {
      result.stages.back().ahead = any_ahead = true;
      most = std::max(most, running + weights);
      loading = std::max(0.0, loading - time);
    }
    running = weights + modes_[i]->workspace(batch);
    most = std::max(most, running);
    time = modes_[i]->time(batch, worker);
    set_seconds(result.stages.back(), time, 0, {time});
    beside[i] = loading;
  }
  if (ahead && !any_ahead) return;
  result.peak_bytes[0] = kept + most;
  finish(std::move(result), beside);
}

void GroupBuilder::add_pipelines(int batch) {
  const size_t workers = q_.workers.size();
  add_cuts(batch, 0, count_, workers);
  const auto [front, back] = processor_ends();
  const bool are_at_an_end = front > 0 || back < count_;
  if (q_.workers.back().kind == DeviceKind::kCpu && are_at_an_end && front < back)
    add_cuts(batch, front, back, workers - 1);
}

void GroupBuilder::add_cuts(int batch, size_t first, size_t last, size_t workers) {
  if (workers > last - first) return;
  for (uint32_t cuts = 0; cuts < (1U << (last - first - 1)); ++cuts) {  // bit i ends a part after a stage
    if (size_t(std::popcount(cuts)) != workers - 1) continue;
    std::vector<size_t> parts(count_, q_.workers.size() - 1);
    size_t part = 0;
    for (size_t i = first; i < last; ++i) {
      parts[i] = part;
      if (cuts >> (i - first) & 1U) ++part;
    }
    add_pipeline(batch, parts);
  }
}

void GroupBuilder::add_pipeline(int batch, const std::vector<size_t>& parts) {
  const size_t workers = q_.workers.size();
  DeviceGroup result = group(GroupKind::kPipeline, batch);
  std::vector<int64_t> most(workers, 0), waiting(workers, 1);  // batches at work and before stations
  std::vector<double> handing_on(count_);
  for (size_t i = 0; i < count_; ++i) {
    const size_t part = parts[i];
    const Worker& worker = q_.workers[part];
    const StageMode& mode = alone(i, part);
    const double seconds = mode.time(batch, worker);
    result.stages.push_back(placement(i, true, {result.workers[part]}));
    set_seconds(result.stages.back(), seconds, 0, {seconds});
    result.peak_bytes[part] += mode.weight_bytes;
    most[part] = std::max(most[part], mode.workspace(batch));
    if (i == 0 || parts[i - 1] != part) ++waiting[part];
    if (i + 1 < count_ && parts[i + 1] != part) {
      handing_on[i] = double(q_.stages[i].output_bytes_per_picture) * batch *
                      host_seconds_per_byte(worker, q_.workers[parts[i + 1]]);
    }
  }
  for (size_t j = 0; j < workers; ++j) result.peak_bytes[j] += most[j] + waiting[j] * handed_on(batch);
  set_stations(result, handing_on);
  add_if_it_fits(result);
}

std::vector<DeviceGroup> possible_groups(const GroupQuestion& question) {
  return GroupBuilder(question).build();
}

}  // namespace relievo

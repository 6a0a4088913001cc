#include "runtime/plan/candidates.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace relievo {
namespace {

// The most workers that share one picture.
constexpr size_t kMaxShared = 8;

class GroupBuilder {
 public:
  explicit GroupBuilder(const GroupQuestion& question) : q_(question), count_(question.stages.size()) {
    max_batch_ = std::max(1, q_.options.pictures);
    for (size_t i = 0; i < count_; ++i) {
      modes_.push_back(&q_.stages[i].on(q_.workers).mode_within(q_.fallbacks));
      max_batch_ = std::min(max_batch_, std::max(1, q_.stages[i].max_batch));
    }
    by_weight_.resize(count_);
    std::iota(by_weight_.begin(), by_weight_.end(), size_t{0});
    std::ranges::stable_sort(
        by_weight_, [&](size_t a, size_t b) { return modes_[a]->weight_bytes > modes_[b]->weight_bytes; });
  }

  std::vector<DeviceGroup> build() {
    const Strategy wish = q_.options.strategy;
    const auto allowed = [&](Strategy strategy) { return wish == Strategy::kAuto || wish == strategy; };
    for (int batch = 1;; batch = std::min(2 * batch, max_batch_)) {
      if (q_.workers.size() == 1) {
        if (needs_several(wish)) return {};
        const size_t least = wish == Strategy::kOffload ? std::min<size_t>(1, count_) : 0;
        for (size_t offloaded = least; offloaded <= count_; ++offloaded) {
          if (count_ == 1 && offloaded == 1 && wish != Strategy::kOffload) continue;
          if (offloaded > 0 && (wish == Strategy::kSingle || wish == Strategy::kData) && count_ == 1)
            continue;
          add_single(batch, offloaded, false);
          if (offloaded > 0) add_single(batch, offloaded, true);
        }
      } else {
        if (allowed(Strategy::kStage)) add_pipelines(batch);
        if (allowed(Strategy::kSplit)) add_layer_splits(batch);
        if (allowed(Strategy::kGuidance)) add_shared(batch);
      }
      if (batch == max_batch_) break;
    }
    return std::move(groups_);
  }

 private:
  /// How a stage runs on one worker of the group alone.
  const StageMode& alone(size_t stage, size_t worker) const {
    return q_.stages[stage].on(q_.workers[worker]).mode_within(q_.fallbacks);
  }
  int64_t budget(size_t worker) const {
    return int64_t(double(q_.workers[worker].budget_bytes) * q_.budget_share);
  }
  double load_seconds(size_t stage, const Worker& worker) const {
    return double(modes_[stage]->weight_bytes) / worker.host_bytes_per_second;
  }
  double slowest_seconds(size_t stage, int batch) const {
    double seconds = 0;
    for (const Worker& worker : q_.workers) seconds = std::max(seconds, modes_[stage]->time(batch, worker));
    return seconds;
  }
  /// On whichever of the workers: which one it is depends on memory, and more of that never takes longer.
  double slowest_alone(size_t stage, int batch) const {
    double seconds = 0;
    for (size_t j = 0; j < q_.workers.size(); ++j) {
      seconds = std::max(seconds, alone(stage, j).time(batch, q_.workers[j]));
    }
    return seconds;
  }
  StagePlacement placement(size_t stage, bool resident, std::vector<int> workers) const {
    std::vector<Worker> all;
    for (const int worker : workers) all.push_back(q_.workers[size_t(worker - q_.first_worker)]);
    const StageMode& mode = q_.stages[stage].on(all).mode_within(q_.fallbacks);
    return {int(stage), mode.execution, resident, false, std::move(workers), {}};
  }
  DeviceGroup group(GroupKind kind, int batch) const {
    DeviceGroup group;
    group.kind = kind;
    group.batch = batch;
    for (size_t i = 0; i < q_.workers.size(); ++i) group.workers.push_back(q_.first_worker + int(i));
    group.peak_bytes.assign(q_.workers.size(), 0);
    return group;
  }
  void finish(DeviceGroup group, double seconds) {
    group.latency_s = group.interval_s = seconds;
    group.station_s = {seconds};
    add_if_it_fits(std::move(group));
  }
  void add_if_it_fits(DeviceGroup group) {
    for (size_t i = 0; i < q_.workers.size(); ++i) {
      if (group.peak_bytes[i] > budget(i)) return;
    }
    groups_.push_back(std::move(group));
  }
  /// The bytes of a batch's values between stages, wherever it waits.
  int64_t handed_on(int batch) const {
    int64_t bytes = 0;
    for (const StageProfile& stage : q_.stages)
      bytes = std::max(bytes, stage.output_bytes_per_picture * batch);
    return bytes;
  }

  /// Adds groups of one worker in which the weights of the `offloaded` heaviest stages wait in host memory.
  /// With `ahead` they are loaded while the stage before runs, where there is room for both.
  void add_single(int batch, size_t offloaded, bool ahead) {
    const Worker& worker = q_.workers[0];
    std::vector<bool> resident(count_, true);
    for (size_t i = 0; i < offloaded; ++i) resident[by_weight_[i]] = false;
    DeviceGroup result = group(GroupKind::kReplica, batch);
    int64_t kept = handed_on(batch), most = 0;
    for (size_t i = 0; i < count_; ++i) kept += resident[i] ? modes_[i]->weight_bytes : 0;
    int64_t running = 0;  // workspace of the stage before
    // `time` is that of the stage before.
    double seconds = 0, time = 0;
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
      seconds += loading + time;
    }
    if (ahead && !any_ahead) return;
    result.peak_bytes[0] = kept + most;
    finish(std::move(result), seconds);
  }

  /// Adds pipelines: each worker keeps some neighbouring stages, and pictures overlap.
  void add_pipelines(int batch) {
    const size_t workers = q_.workers.size();
    if (workers > count_) return;
    // Every way to cut the stages is tried: bit i of `cuts` ends a part after stage i.
    for (uint32_t cuts = 0; cuts < (1U << (count_ - 1)); ++cuts) {
      if (size_t(std::popcount(cuts)) != workers - 1) continue;
      DeviceGroup result = group(GroupKind::kPipeline, batch);
      result.station_s.assign(workers, 0);
      std::vector<int64_t> most(workers, 0);
      size_t part = 0;
      for (size_t i = 0; i < count_; ++i) {
        const Worker& worker = q_.workers[part];
        result.stages.push_back(placement(i, true, {result.workers[part]}));
        const StageMode& mode = alone(i, part);
        result.peak_bytes[part] += mode.weight_bytes;
        most[part] = std::max(most[part], mode.workspace(batch));
        result.station_s[part] += mode.time(batch, worker);
        if (i + 1 < count_ && (cuts >> i & 1U)) {
          result.station_s[part] +=
              double(q_.stages[i].output_bytes_per_picture) * batch /
              std::min(worker.host_bytes_per_second, q_.workers[part + 1].host_bytes_per_second);
          ++part;
        }
      }
      for (size_t i = 0; i < workers; ++i) {
        result.peak_bytes[i] += most[i] + 2 * handed_on(batch);  // one batch at work, one waiting
        result.latency_s += result.station_s[i];
        result.interval_s = std::max(result.interval_s, result.station_s[i]);
      }
      add_if_it_fits(std::move(result));
    }
  }

  /// Adds layer splits: stages that can be cut into blocks run over all workers, one after the other; other
  /// stages run on one worker.
  void add_layer_splits(int batch) {
    if (q_.workers.size() > kMaxShared) return;
    if (std::ranges::none_of(q_.stages, [](const auto& stage) { return stage.blocks > 1; })) return;
    std::vector<int64_t> budgets;
    for (size_t j = 0; j < q_.workers.size(); ++j) budgets.push_back(budget(j));
    add_resident_split(batch, std::vector<int64_t>(budgets.size(), std::numeric_limits<int>::max()));
    add_resident_split(batch, budgets);
    add_offloaded_split(batch);
  }

  double split_seconds(size_t stage, int batch) const {
    const double crossings = double(q_.workers.size()) * q_.stages[stage].handovers;
    double link = q_.workers[0].host_bytes_per_second;
    for (const Worker& worker : q_.workers) link = std::min(link, worker.host_bytes_per_second);
    return slowest_seconds(stage, batch) +
           crossings * double(q_.stages[stage].activation_bytes_per_picture) * batch / link;
  }

  /// Divides the `blocks` of a stage over the workers by `capacity`, largest remainders first; the result is
  /// empty when they do not fit.
  static std::vector<int> divide(int blocks, const std::vector<int64_t>& capacity) {
    const int64_t total = std::accumulate(capacity.begin(), capacity.end(), int64_t{0});
    if (total < blocks) return {};
    std::vector<int> parts(capacity.size());
    int given = 0;
    for (size_t i = 0; i < capacity.size(); ++i) {
      parts[i] = int(double(blocks) * double(capacity[i]) / double(total));
      parts[i] = int(std::min<int64_t>(parts[i], capacity[i]));
      given += parts[i];
    }
    while (given < blocks) {
      size_t best = 0;
      for (size_t i = 1; i < capacity.size(); ++i) {
        if (capacity[i] - parts[i] > capacity[best] - parts[best]) best = i;
      }
      ++parts[best];
      ++given;
    }
    return parts;
  }

  static int64_t share_bytes(int64_t weights, int part, int blocks) {
    return (weights * part + blocks - 1) / blocks;
  }

  /// Adds a split whose blocks are divided in proportion to `shares`, by worker, and stay loaded.
  void add_resident_split(int batch, const std::vector<int64_t>& shares) {
    const size_t workers = q_.workers.size();
    DeviceGroup result = group(GroupKind::kShardedLayers, batch);
    std::vector<int64_t> most(workers, 0);
    double seconds = 0;
    for (size_t i = 0; i < count_; ++i) {
      const StageProfile& stage = q_.stages[i];
      if (stage.blocks > 1) {
        std::vector<int> parts = divide(stage.blocks, shares);
        if (parts.empty()) return;
        for (size_t j = 0; j < workers; ++j) {
          result.peak_bytes[j] += share_bytes(modes_[i]->weight_bytes, parts[j], stage.blocks);
          most[j] = std::max(most[j], modes_[i]->workspace(batch));
        }
        result.stages.push_back(placement(i, true, result.workers));
        result.stages.back().blocks = std::move(parts);
        seconds += split_seconds(i, batch);
      } else {
        const size_t j = i % workers;
        const StageMode& mode = alone(i, j);
        result.peak_bytes[j] += mode.weight_bytes;
        most[j] = std::max(most[j], mode.workspace(batch));
        result.stages.push_back(placement(i, true, {result.workers[j]}));
        seconds += slowest_alone(i, batch);
      }
    }
    for (size_t j = 0; j < workers; ++j) result.peak_bytes[j] += most[j] + handed_on(batch);
    finish(std::move(result), seconds);
  }

  /// Adds a split in which one stage's weights are loaded at a time, its blocks divided by free memory.
  void add_offloaded_split(int batch) {
    const size_t workers = q_.workers.size();
    DeviceGroup result = group(GroupKind::kShardedLayers, batch);
    double seconds = 0;
    for (size_t i = 0; i < count_; ++i) {
      const StageProfile& stage = q_.stages[i];
      const int64_t workspace = modes_[i]->workspace(batch) + handed_on(batch);
      std::vector<int> where;
      std::vector<int> parts;
      std::vector<int64_t> capacity(workers);
      const int64_t block = std::max<int64_t>(1, share_bytes(modes_[i]->weight_bytes, 1, stage.blocks));
      for (size_t j = 0; j < workers; ++j) {
        capacity[j] = std::clamp<int64_t>((budget(j) - workspace) / block, 0, stage.blocks);
        if (budget(j) < workspace) capacity[j] = 0;
      }
      if (stage.blocks > 1) {
        parts = divide(stage.blocks, capacity);
        if (parts.empty()) return;
        for (size_t j = 0; j < workers; ++j) {
          if (parts[j] == 0) continue;
          result.peak_bytes[j] = std::max(
              result.peak_bytes[j], share_bytes(modes_[i]->weight_bytes, parts[j], stage.blocks) + workspace);
        }
        where = result.workers;
        seconds += split_seconds(i, batch);
      } else {
        const auto bytes_on = [&](size_t k) {
          return alone(i, k).weight_bytes + alone(i, k).workspace(batch) + handed_on(batch);
        };
        size_t j = 0;
        while (j < workers && bytes_on(j) > budget(j)) ++j;
        if (j == workers) return;
        result.peak_bytes[j] = std::max(result.peak_bytes[j], bytes_on(j));
        where = {result.workers[j]};
        seconds += slowest_alone(i, batch);
      }
      seconds += slowest_load(i);
      result.stages.push_back(placement(i, false, std::move(where)));
      result.stages.back().blocks = std::move(parts);
    }
    finish(std::move(result), seconds);
  }

  double slowest_load(size_t stage) const {
    double seconds = 0;
    for (const Worker& worker : q_.workers) seconds = std::max(seconds, load_seconds(stage, worker));
    return seconds;
  }

  /// Adds groups in which guidance halves run on the first two workers and query points on all; everything
  /// else runs on the first.
  void add_shared(int batch) {
    const size_t workers = q_.workers.size();
    if (workers > kMaxShared) return;
    const bool guidance = std::ranges::any_of(q_.stages, &StageProfile::guidance_halves);
    const bool points = std::ranges::any_of(q_.stages, &StageProfile::points);
    if (!points && (!guidance || workers > 2)) return;
    for (const bool resident : {true, false}) {
      DeviceGroup result = group(GroupKind::kShardedPictures, batch);
      std::vector<int64_t> most(workers, 0);
      double seconds = 0;
      for (size_t i = 0; i < count_; ++i) {
        const StageProfile& stage = q_.stages[i];
        const size_t sharers = stage.points            ? workers
                               : stage.guidance_halves ? std::min<size_t>(workers, 2)
                                                       : 1;
        const StageMode& mode = stage.on(q_.workers.first(sharers)).mode_within(q_.fallbacks);
        double speed = q_.workers[0].speed, link = q_.workers[0].host_bytes_per_second;
        for (size_t j = 0; j < sharers; ++j) {
          speed = std::min(speed, q_.workers[j].speed);
          link = std::min(link, q_.workers[j].host_bytes_per_second);
          const int64_t weights = mode.weight_bytes;
          if (resident) result.peak_bytes[j] += weights;
          // A half needs no more than the whole.
          most[j] = std::max(most[j], mode.workspace(batch) + (resident ? 0 : weights));
        }
        const double part = mode.seconds_per_picture * batch / double(sharers);
        seconds +=
            (mode.seconds + part) / speed + mode.host_seconds_per_picture * batch / q_.workers[0].threads;
        if (sharers > 1) {
          seconds += 2 * stage.handovers * double(sharers - 1) * double(stage.activation_bytes_per_picture) *
                     batch / link;
        }
        if (!resident) seconds += double(mode.weight_bytes) / link;
        result.stages.push_back(placement(
            i, resident, {result.workers.begin(), result.workers.begin() + std::ptrdiff_t(sharers)}));
      }
      for (size_t j = 0; j < workers; ++j) result.peak_bytes[j] += most[j] + handed_on(batch);
      finish(std::move(result), seconds);
    }
  }

  const GroupQuestion& q_;
  size_t count_;
  int max_batch_ = 1;
  std::vector<const StageMode*> modes_;  // as all of the workers together run each stage
  std::vector<size_t> by_weight_;
  std::vector<DeviceGroup> groups_;
};

}  // namespace

std::vector<DeviceGroup> possible_groups(const GroupQuestion& question) {
  return GroupBuilder(question).build();
}

}  // namespace relievo

#include "runtime/plan/candidates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include "runtime/machine/links.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/sharing.h"
#include "runtime/plan/stations.h"

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
      any_fits_ = false;
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
        if (allowed(Strategy::kGuidance) && batch == 1) add_shared();  // PictureParts
      }
      if (batch == max_batch_ || !any_fits_) break;  // nothing fits that does not with fewer
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
    return {.stage = int(stage), .mode = mode.execution, .resident = resident, .workers = std::move(workers)};
  }
  DeviceGroup group(GroupKind kind, int batch) const {
    DeviceGroup group;
    group.kind = kind;
    group.batch = batch;
    for (size_t i = 0; i < q_.workers.size(); ++i) group.workers.push_back(q_.first_worker + int(i));
    group.peak_bytes.assign(q_.workers.size(), 0);
    return group;
  }
  /// Adds the group, and those in which the processor's stages run on side threads. `beside` are the seconds
  /// of set_stations().
  void finish(DeviceGroup group, const std::vector<double>& beside) {
    set_stations(group, beside);
    if (!add_if_it_fits(group)) return;
    add_with_side_threads(group, beside);
  }

  bool add_if_it_fits(const DeviceGroup& group) {
    for (size_t i = 0; i < q_.workers.size(); ++i) {
      if (group.peak_bytes[i] > budget(size_t(group.workers[i] - q_.first_worker))) return false;
    }
    any_fits_ = true;
    if (pays(group)) groups_.push_back(group);
    return true;
  }

  /// Returns whether the group's batch is worth that results come later. Only where all weights stay loaded:
  /// there memory decides nothing but how large a batch may be.
  bool pays(const DeviceGroup& group) {
    std::string layout = group_kind_name(group.kind) + std::to_string(group.side_threads);
    for (const StagePlacement& placement : group.stages) {
      if (!placement.resident || !placement.blocks.empty()) return true;
      layout += placement.on_side ? " side" : "";
      for (const int worker : placement.workers) layout += " " + std::to_string(worker);
      layout += ",";
    }
    const double each = group.interval_s / group.batch;
    const auto [kept, is_first] = seconds_each_.try_emplace(layout, each);
    if (is_first) return true;
    if (each > (1 - kWorthBatching) * kept->second) return false;
    kept->second = each;
    return true;
  }

  /// Adds groups in which the stages at the beginning and at the end that are the processor's work run on the
  /// first worker's side threads: as many as keep up with the other stages, or fewer.
  void add_with_side_threads(const DeviceGroup& alone, std::vector<double> beside) {
    const Worker& worker = q_.workers[size_t(alone.workers[0] - q_.first_worker)];
    const bool is_wanted = q_.options.use_side_threads && q_.options.pictures > 1 &&
                           worker.side_threads > 0 && alone.kind != GroupKind::kPipeline;
    const auto [front, back] = processor_ends();
    // Without other stages each side thread makes whole pictures.
    const bool are_all = front == count_;
    if (!is_wanted || (front == 0 && back == count_)) return;
    if (are_all && (alone.batch > 1 || alone.kind != GroupKind::kReplica)) return;
    if (front < count_ && alone.stages[front].ahead) return;  // nothing runs before it any more
    DeviceGroup group = alone;
    int64_t most = 0;  // bytes of a side thread
    double side_s = 0, main_s = alone.latency_s;
    for (size_t i = 0; i < count_; ++i) {
      if (i >= front && i < back) continue;
      StagePlacement& placement = group.stages[i];
      const StageMode& mode = q_.stages[i].on(worker).mode_within(q_.fallbacks);
      main_s -= placement.seconds + beside[i];
      const bool is_whole_there =
          placement.resident && placement.blocks.empty() && placement.workers[0] == alone.workers[0];
      if (!is_whole_there) group.peak_bytes[0] += mode.weight_bytes;
      beside[i] = 0;
      placement = this->placement(i, true, {alone.workers[0]});
      placement.on_side = true;
      set_seconds(placement, mode.side_time(worker), 0, {mode.side_time(worker)});
      side_s += placement.seconds;
      most = std::max(most, mode.workspace(1) + q_.stages[i].output_bytes_per_picture);
    }
    const auto is_shared = [](const StagePlacement& placed) { return placed.workers.size() > 1; };
    if (alone.kind != GroupKind::kReplica && std::ranges::none_of(group.stages, is_shared)) return;
    const double wanted =
        are_all || main_s <= 0 ? worker.side_threads : std::ceil(alone.batch * side_s / main_s - 1e-9);
    const int enough = int(std::clamp<double>(wanted, 1, std::min(worker.side_threads, q_.options.pictures)));
    // A batch waits before the stages that stay.
    const int64_t kept =
        group.peak_bytes[0] + handed_on(alone.batch) + handed_on(room_before_side_threads(alone.batch));
    for (int threads = 1;; threads = std::min(2 * threads, enough)) {
      group.side_threads = threads;
      group.batch = are_all ? threads : alone.batch;
      group.peak_bytes[0] = kept + threads * most;
      set_stations(group, beside);
      if (!add_if_it_fits(group) || threads == enough) return;
    }
  }

  /// The ranges 0 .. first - 1 and second .. of stages that are the processor's work.
  std::pair<size_t, size_t> processor_ends() const {
    size_t front = 0, back = count_;
    while (front < count_ && q_.stages[front].on_host) ++front;
    while (back > front && q_.stages[back - 1].on_host) --back;
    return {front, back};
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

  /// Adds pipelines: each worker keeps some neighbouring stages, and pictures overlap. Where the last worker
  /// is a part of the processor, it may also take the processor's stages at both ends.
  void add_pipelines(int batch) {
    const size_t workers = q_.workers.size();
    add_cuts(batch, 0, count_, workers);
    const auto [front, back] = processor_ends();
    const bool are_at_an_end = front > 0 || back < count_;
    if (q_.workers.back().kind == DeviceKind::kCpu && are_at_an_end && front < back)
      add_cuts(batch, front, back, workers - 1);
  }

  /// Every way to cut the stages first .. last - 1 over the first `workers` workers is tried; the others go
  /// to the last worker.
  void add_cuts(int batch, size_t first, size_t last, size_t workers) {
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

  /// `parts` has the worker of each stage.
  void add_pipeline(int batch, const std::vector<size_t>& parts) {
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

  /// Adds layer splits: stages that can be cut into blocks run over all workers, one after the other; other
  /// stages run on one worker.
  void add_layer_splits(int batch) {
    // A part of a network has room for its own layers; they are not streamed besides.
    if (q_.workers.size() > kMaxShared || q_.fallbacks.streamed) return;
    if (std::ranges::none_of(q_.stages, [](const auto& stage) { return stage.blocks > 1; })) return;
    std::vector<int64_t> budgets;
    for (size_t j = 0; j < q_.workers.size(); ++j) budgets.push_back(budget(j));
    add_resident_split(batch, std::vector<int64_t>(budgets.size(), std::numeric_limits<int>::max()), false);
    std::vector<int64_t> speeds;
    for (const Worker& worker : q_.workers) speeds.push_back(std::llround(1e6 * worker.speed));
    if (std::ranges::adjacent_find(speeds, std::ranges::not_equal_to()) != speeds.end()) {
      add_resident_split(batch, speeds, false);
    }
    add_resident_split(batch, budgets, true);
    add_offloaded_split(batch);
  }

  static void set_seconds(StagePlacement& placement, double seconds, double transfer,
                          std::vector<double> computing) {
    placement.seconds = seconds;
    placement.transfer_s = transfer;
    placement.computing_s = std::move(computing);
  }

  /// Sets what the blocks take, which run one after the other. With `at_most` each is taken to run on the
  /// slowest worker.
  void set_split_seconds(StagePlacement& placement, size_t stage, int batch, bool at_most) const {
    double computing = 0;
    std::vector<double> parts;
    for (size_t j = 0; j < placement.blocks.size(); ++j) {
      const double whole =
          at_most ? slowest_seconds(stage, batch) : modes_[stage]->time(batch, q_.workers[j]);
      parts.push_back(whole * placement.blocks[j] / double(q_.stages[stage].blocks));
      computing += parts.back();
    }
    const double transfer = split_transfer(stage, batch);
    set_seconds(placement, computing + transfer, transfer, std::move(parts));
  }

  double split_transfer(size_t stage, int batch) const {
    const double crossings = double(q_.workers.size()) * q_.stages[stage].handovers;
    double link = bytes_between(q_.workers.back(), q_.workers.front());  // results come back
    for (size_t j = 1; j < q_.workers.size(); ++j) {
      link = std::min(link, bytes_between(q_.workers[j - 1], q_.workers[j]));
    }
    return crossings * double(q_.stages[stage].activation_bytes_per_picture) * batch / link;
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

  /// Divides the blocks of a stage so that each worker gets as many as fit, the fastest first; equal ones by
  /// capacity.
  std::vector<int> divide_to_the_fastest(size_t stage, const std::vector<int64_t>& capacity) const {
    int blocks = q_.stages[stage].blocks;
    std::vector<size_t> order(capacity.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto seconds = [&](size_t j) { return modes_[stage]->time(1, q_.workers[j]); };
    std::ranges::stable_sort(order, {}, seconds);
    if (seconds(order.front()) == seconds(order.back())) return divide(blocks, capacity);
    std::vector<int> parts(capacity.size());
    for (const size_t j : order) {
      parts[j] = int(std::min<int64_t>(blocks, capacity[j]));
      blocks -= parts[j];
    }
    return blocks > 0 ? std::vector<int>() : parts;
  }

  /// Adds a split whose blocks are divided in proportion to `shares`, by worker, and stay loaded. Shares of
  /// memory may give a slow worker more than its time is worth, so each block counts as the slowest's.
  void add_resident_split(int batch, const std::vector<int64_t>& shares, bool are_of_memory) {
    const size_t workers = q_.workers.size();
    DeviceGroup result = group(GroupKind::kShardedLayers, batch);
    std::vector<int64_t> most(workers, 0);
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
        set_split_seconds(result.stages.back(), i, batch, are_of_memory);
      } else {
        const size_t j = i % workers;
        const StageMode& mode = alone(i, j);
        result.peak_bytes[j] += mode.weight_bytes;
        most[j] = std::max(most[j], mode.workspace(batch));
        result.stages.push_back(placement(i, true, {result.workers[j]}));
        set_seconds(result.stages.back(), slowest_alone(i, batch), 0, {slowest_alone(i, batch)});
      }
    }
    for (size_t j = 0; j < workers; ++j) result.peak_bytes[j] += most[j] + handed_on(batch);
    finish(std::move(result), std::vector<double>(count_));
  }

  /// Adds a split in which one stage's weights are loaded at a time, its blocks divided by free memory.
  void add_offloaded_split(int batch) {
    const size_t workers = q_.workers.size();
    DeviceGroup result = group(GroupKind::kShardedLayers, batch);
    std::vector<double> loading(count_);
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
        parts = divide_to_the_fastest(i, capacity);
        if (parts.empty()) return;
        for (size_t j = 0; j < workers; ++j) {
          if (parts[j] == 0) continue;
          result.peak_bytes[j] = std::max(
              result.peak_bytes[j], share_bytes(modes_[i]->weight_bytes, parts[j], stage.blocks) + workspace);
        }
        where = result.workers;
      } else {
        const auto bytes_on = [&](size_t k) {
          return alone(i, k).weight_bytes + alone(i, k).workspace(batch) + handed_on(batch);
        };
        size_t j = 0;
        while (j < workers && bytes_on(j) > budget(j)) ++j;
        if (j == workers) return;
        result.peak_bytes[j] = std::max(result.peak_bytes[j], bytes_on(j));
        where = {result.workers[j]};
      }
      loading[i] = slowest_load(i);
      result.stages.push_back(placement(i, false, std::move(where)));
      result.stages.back().blocks = std::move(parts);
      if (stage.blocks > 1) {
        set_split_seconds(result.stages.back(), i, batch, false);
      } else {
        set_seconds(result.stages.back(), slowest_alone(i, batch), 0, {slowest_alone(i, batch)});
      }
    }
    finish(std::move(result), loading);
  }

  double slowest_load(size_t stage) const {
    double seconds = 0;
    for (const Worker& worker : q_.workers) seconds = std::max(seconds, load_seconds(stage, worker));
    return seconds;
  }

  /// The workers of the group, fast ones first.
  std::vector<size_t> fastest_first() const {
    std::vector<size_t> order(q_.workers.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto seconds = [&](size_t worker) {
      double sum = 0;
      for (size_t i = 0; i < count_; ++i) sum += alone(i, worker).time(1, q_.workers[worker]);
      return sum;
    };
    std::vector<double> each;
    for (const size_t worker : order) each.push_back(seconds(worker));
    std::ranges::stable_sort(order, {}, [&](size_t worker) { return each[worker]; });
    return order;
  }

  /// Adds groups whose workers share each picture in the stages in which that is faster; all else runs on the
  /// worker that leads. Weights are wanted by every worker that shares, so it is also tried with fewer stages
  /// shared, those that gain the least being left out first.
  void add_shared() {
    const size_t workers = q_.workers.size();
    if (workers > kMaxShared) return;
    if (std::ranges::all_of(q_.stages, [](const StageProfile& stage) { return stage.parts.empty(); })) return;
    const std::vector<size_t> by_speed = fastest_first();
    for (size_t lead = 0; lead < workers; ++lead) {
      std::vector<size_t> order = by_speed;
      std::rotate(order.begin(), order.begin() + std::ptrdiff_t(lead),
                  order.begin() + std::ptrdiff_t(lead) + 1);
      std::vector<SharedStage> alone_on_lead, shared;
      std::vector<size_t> by_gain;
      for (size_t i = 0; i < count_; ++i) {
        const SharingQuestion question{q_.stages[i], q_.workers, q_.fallbacks};
        alone_on_lead.push_back(on_one(question, order[0]));
        shared.push_back(quickest_sharing(question, order, q_.options.strategy == Strategy::kGuidance));
        if (shared[i].sharers.size() > 1) by_gain.push_back(i);
      }
      std::ranges::stable_sort(by_gain, std::ranges::greater(),
                               [&](size_t i) { return alone_on_lead[i].seconds - shared[i].seconds; });
      for (size_t count = 1; count <= by_gain.size(); ++count) {
        std::vector<const SharedStage*> chosen;
        for (const SharedStage& stage : alone_on_lead) chosen.push_back(&stage);
        for (size_t i = 0; i < count; ++i) chosen[by_gain[i]] = &shared[by_gain[i]];
        for (const bool resident : {true, false}) add_shared_group(order, chosen, resident);
      }
    }
  }

  void add_shared_group(const std::vector<size_t>& order, const std::vector<const SharedStage*>& chosen,
                        bool resident) {
    DeviceGroup result = group(GroupKind::kShardedPictures, 1);
    for (size_t j = 0; j < order.size(); ++j) result.workers[j] = q_.first_worker + int(order[j]);
    std::vector<int64_t> most(order.size(), 0);
    std::vector<double> loading(count_);
    for (size_t i = 0; i < count_; ++i) {
      const SharedStage& stage = *chosen[i];
      const StageMode& mode = *stage.mode;
      double host = std::numeric_limits<double>::infinity();
      std::vector<int> names;
      for (const size_t j : stage.sharers) {
        const auto place = size_t(std::ranges::find(order, j) - order.begin());
        host = std::min(host, q_.workers[j].host_bytes_per_second);
        names.push_back(q_.first_worker + int(j));
        if (resident) result.peak_bytes[place] += mode.weight_bytes;
        // A part needs no more than the whole.
        most[place] = std::max(most[place], mode.workspace(1) + (resident ? 0 : mode.weight_bytes));
      }
      if (!resident) loading[i] = double(mode.weight_bytes) / host;
      StagePlacement placed = placement(i, resident, std::move(names));
      placed.part_kind = stage.kind;
      placed.parts = stage.parts;
      placed.repeated = stage.repeated;
      set_seconds(placed, stage.seconds, stage.transfer, stage.computing);
      result.stages.push_back(std::move(placed));
    }
    for (size_t j = 0; j < order.size(); ++j) result.peak_bytes[j] += most[j] + handed_on(1);
    finish(std::move(result), loading);
  }

  const GroupQuestion& q_;
  size_t count_;
  int max_batch_ = 1;
  std::vector<const StageMode*> modes_;  // as all of the workers together run each stage
  std::vector<size_t> by_weight_;
  std::map<std::string, double> seconds_each_;  // of the largest batch that was kept, by layout
  bool any_fits_ = false;                       // of the groups of this batch
  std::vector<DeviceGroup> groups_;
};

}  // namespace

std::vector<DeviceGroup> possible_groups(const GroupQuestion& question) {
  return GroupBuilder(question).build();
}

}  // namespace relievo

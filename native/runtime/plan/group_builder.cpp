#include "runtime/plan/group_builder.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/plan/describe.h"
#include "runtime/plan/stations.h"

namespace relievo {

GroupBuilder::GroupBuilder(const GroupQuestion& question) : q_(question), count_(question.stages.size()) {
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

const StageMode& GroupBuilder::alone(size_t stage, size_t worker) const {
  return q_.stages[stage].on(q_.workers[worker]).mode_within(q_.fallbacks);
}

int64_t GroupBuilder::budget(size_t worker) const {
  return int64_t(double(q_.workers[worker].budget_bytes) * q_.budget_share);
}

double GroupBuilder::load_seconds(size_t stage, const Worker& worker) const {
  return double(modes_[stage]->weight_bytes) / worker.host_bytes_per_second;
}

double GroupBuilder::slowest_seconds(size_t stage, int batch) const {
  double seconds = 0;
  for (const Worker& worker : q_.workers) seconds = std::max(seconds, modes_[stage]->time(batch, worker));
  return seconds;
}

double GroupBuilder::slowest_alone(size_t stage, int batch) const {
  double seconds = 0;
  for (size_t j = 0; j < q_.workers.size(); ++j) {
    seconds = std::max(seconds, alone(stage, j).time(batch, q_.workers[j]));
  }
  return seconds;
}

StagePlacement GroupBuilder::placement(size_t stage, bool resident, std::vector<int> workers) const {
  std::vector<Worker> all;
  for (const int worker : workers) all.push_back(q_.workers[size_t(worker - q_.first_worker)]);
  const StageMode& mode = q_.stages[stage].on(all).mode_within(q_.fallbacks);
  return {.stage = int(stage), .mode = mode.execution, .resident = resident, .workers = std::move(workers)};
}

DeviceGroup GroupBuilder::group(GroupKind kind, int batch) const {
  DeviceGroup group;
  group.kind = kind;
  group.batch = batch;
  for (size_t i = 0; i < q_.workers.size(); ++i) group.workers.push_back(q_.first_worker + int(i));
  group.peak_bytes.assign(q_.workers.size(), 0);
  return group;
}

int64_t GroupBuilder::handed_on(int batch) const {
  int64_t bytes = 0;
  for (const StageProfile& stage : q_.stages) bytes = std::max(bytes, stage.output_bytes_per_picture * batch);
  return bytes;
}

void GroupBuilder::set_seconds(StagePlacement& placement, double seconds, double transfer,
                               std::vector<double> computing) {
  placement.seconds = seconds;
  placement.transfer_s = transfer;
  placement.computing_s = std::move(computing);
}

void GroupBuilder::finish(DeviceGroup group, const std::vector<double>& beside) {
  set_stations(group, beside);
  if (!add_if_it_fits(group)) return;
  add_with_side_threads(group, beside);
}

bool GroupBuilder::add_if_it_fits(const DeviceGroup& group) {
  for (size_t i = 0; i < q_.workers.size(); ++i) {
    if (group.peak_bytes[i] > budget(size_t(group.workers[i] - q_.first_worker))) return false;
  }
  any_fits_ = true;
  if (pays(group)) groups_.push_back(group);
  return true;
}

bool GroupBuilder::pays(const DeviceGroup& group) {
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

void GroupBuilder::add_with_side_threads(const DeviceGroup& alone, std::vector<double> beside) {
  const Worker& worker = q_.workers[size_t(alone.workers[0] - q_.first_worker)];
  const bool is_wanted = q_.options.use_side_threads && q_.options.pictures > 1 && worker.side_threads > 0 &&
                         alone.kind != GroupKind::kPipeline;
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

std::pair<size_t, size_t> GroupBuilder::processor_ends() const {
  size_t front = 0, back = count_;
  while (front < count_ && q_.stages[front].on_host) ++front;
  while (back > front && q_.stages[back - 1].on_host) --back;
  return {front, back};
}

}  // namespace relievo

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/machine/links.h"
#include "runtime/plan/group_builder.h"

namespace relievo {

namespace {

/// Divides the `blocks` of a stage over the workers by `capacity`, largest remainders first; the result is
/// empty when they do not fit.
std::vector<int> divide(int blocks, const std::vector<int64_t>& capacity) {
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

int64_t share_bytes(int64_t weights, int part, int blocks) { return (weights * part + blocks - 1) / blocks; }

}  // namespace

void GroupBuilder::add_layer_splits(int batch) {
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

void GroupBuilder::set_split_seconds(StagePlacement& placement, size_t stage, int batch, bool at_most) const {
  double computing = 0;
  std::vector<double> parts;
  for (size_t j = 0; j < placement.blocks.size(); ++j) {
    const double whole = at_most ? slowest_seconds(stage, batch) : modes_[stage]->time(batch, q_.workers[j]);
    parts.push_back(whole * placement.blocks[j] / double(q_.stages[stage].blocks));
    computing += parts.back();
  }
  const double transfer = split_transfer(stage, batch);
  set_seconds(placement, computing + transfer, transfer, std::move(parts));
}

double GroupBuilder::split_transfer(size_t stage, int batch) const {
  const double crossings = double(q_.workers.size()) * q_.stages[stage].handovers;
  double link = bytes_between(q_.workers.back(), q_.workers.front());  // results come back
  for (size_t j = 1; j < q_.workers.size(); ++j) {
    link = std::min(link, bytes_between(q_.workers[j - 1], q_.workers[j]));
  }
  return crossings * double(q_.stages[stage].activation_bytes_per_picture) * batch / link;
}

std::vector<int> GroupBuilder::divide_to_the_fastest(size_t stage,
                                                     const std::vector<int64_t>& capacity) const {
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

void GroupBuilder::add_resident_split(int batch, const std::vector<int64_t>& shares, bool are_of_memory) {
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

void GroupBuilder::add_offloaded_split(int batch) {
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

double GroupBuilder::slowest_load(size_t stage) const {
  double seconds = 0;
  for (const Worker& worker : q_.workers) seconds = std::max(seconds, load_seconds(stage, worker));
  return seconds;
}

}  // namespace relievo

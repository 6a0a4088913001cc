#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "runtime/plan/group_builder.h"

namespace relievo {

std::vector<size_t> GroupBuilder::fastest_first() const {
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

void GroupBuilder::add_shared() {
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

void GroupBuilder::add_shared_group(const std::vector<size_t>& order,
                                    const std::vector<const SharedStage*>& chosen, bool resident) {
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

}  // namespace relievo

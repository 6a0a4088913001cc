#include "runtime/execute/run.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "runtime/execute/group_run.h"

namespace relievo {

Run::Run(ExecutorParts& executor, Plan first_plan, JobSource& source, const RunOptions& run_options)
    : parts(executor),
      options(run_options),
      feed(source, options.cancel),
      stage_runner(parts.stages, parts.threads, parts.weights, parts.options, options,
                   [this](const StagePlacement& placement) { return seek(placement); }),
      plan(std::move(first_plan)) {}

void Run::carry_out() {
  while (true) {
    if (uses_lost_workers() && !plan_again()) return;
    describe_plan();
    run_groups();
    if (options.cancel.cancelled()) return feed.fail_given_back({ErrorCode::kCancelled, "Cancelled."});
    if (follow_next_plan()) continue;
    if (feed.given_back() == 0) return;
    if (!uses_lost_workers()) throw Error(ErrorCode::kInternal, "Pictures were left over.");
    log(LogLevel::kWarning, "A device was lost, so the rest of the pictures is planned again.");
  }
}

bool Run::uses_lost_workers() const {
  return std::ranges::any_of(plan.groups,
                             [&](const DeviceGroup& group) { return parts.threads.any_lost(group.workers); });
}

/// Fails the jobs that were begun. Those that were not asked for yet stay with the source, which may find
/// other devices.
void Run::give_up(const Error& error) {
  if (!feed.has_begun()) throw error;
  feed.fail_given_back(error);
}

std::pair<std::vector<Worker>, std::vector<int>> Run::all_and_alive() const {
  const auto lost = parts.threads.lost();
  std::vector<Worker> all;
  std::vector<int> alive;
  for (int i = 0; i < int(parts.threads.size()); ++i) {
    all.push_back(worker(i));
    if (!lost.contains(i)) alive.push_back(i);
  }
  return {std::move(all), std::move(alive)};
}

std::vector<StageProfile> Run::profiles() const {
  std::vector<StageProfile> profiles;
  for (const auto& stage : parts.stages) {
    profiles.push_back(stage->profile());
    parts.options.costs->raise_to_limits(profiles.back());
  }
  return profiles;
}

bool Run::seek(const StagePlacement& placement) {
  constexpr int kMost = 8;  // a stage that has no room anywhere is not tried everywhere
  const std::lock_guard lock(seeking_);
  if (next_plan_) return true;
  if (++sought_ > kMost) return false;
  const auto [all, alive] = all_and_alive();
  PlanOptions wanted = options.plan;
  wanted.allow_lossy = false;
  try {
    Plan found = find_plan_for_some(all, alive, profiles(), wanted);
    const auto is_where_it_was = [&](const StagePlacement& other) {
      return other.stage == placement.stage && other.workers == placement.workers &&
             other.blocks == placement.blocks && other.parts == placement.parts &&
             other.mode == placement.mode;
    };
    for (const DeviceGroup& group : found.groups) {
      if (std::ranges::any_of(group.stages, is_where_it_was)) return false;
    }
    next_plan_ = std::move(found);
  } catch (const Error&) {
    return false;
  }
  feed.halt();
  return true;
}

bool Run::follow_next_plan() {
  const std::lock_guard lock(seeking_);
  if (!next_plan_) return false;
  plan = *std::exchange(next_plan_, std::nullopt);
  feed.go_on();
  log(LogLevel::kInfo, "A stage had no room on its device, so the rest is planned again over all devices.");
  return true;
}

bool Run::plan_again() {
  const auto [all, alive] = all_and_alive();
  if (alive.empty()) {
    std::string what = "Every device was lost.";
    for (const auto& [worker, why] : parts.threads.lost())
      what += fmt::format(" {}: {}", parts.threads.worker(worker).name, why);
    give_up({ErrorCode::kDeviceLost, what,
             "Check the cables, cooling and driver of the devices, or use --devices cpu."});
    return false;
  }
  PlanOptions wanted = options.plan;
  wanted.pictures = std::max(wanted.pictures, feed.given_back());
  try {
    plan = find_plan_for_some(all, alive, profiles(), wanted);
  } catch (const Error& error) {
    give_up(error);
    return false;
  }
  return true;
}

void Run::describe_plan() {
  plan_in_words = plan.reasons;
  for (const IdleWorker& idle : plan.idle) plan_in_words.push_back(idle.sentence());
  for (const auto& [worker, why] : parts.threads.lost()) {
    plan_in_words.push_back(fmt::format("{} was lost: {}", parts.threads.worker(worker).name, why));
  }
}

/// All groups end before anything is thrown, because they share the feed.
void Run::run_groups() {
  size_t most = 0;
  for (const DeviceGroup& group : plan.groups) most += group.workers.size();
  std::vector<std::future<void>> running;
  running.reserve(most);
  std::deque<GroupRun> groups;
  std::exception_ptr failure;
  try {
    for (const DeviceGroup& group : plan.groups) groups.emplace_back(*this, group);
    for (GroupRun& group : groups) group.start(running);
  } catch (...) {
    failure = std::current_exception();
    feed.stop();
  }
  for (auto& part : running) {
    try {
      part.get();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace relievo

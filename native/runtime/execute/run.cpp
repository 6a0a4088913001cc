#include "runtime/execute/run.h"

#include <algorithm>
#include <deque>
#include <exception>

#include <fmt/format.h>

#include "base/log.h"
#include "runtime/execute/group_run.h"

namespace relievo {

Run::Run(ExecutorParts& executor, Plan first_plan, JobSource& source, const RunOptions& run_options)
    : parts(executor),
      options(run_options),
      feed(source, options.cancel),
      stage_runner(parts.stages, parts.threads, parts.weights, parts.options, options),
      plan(std::move(first_plan)) {}

void Run::carry_out() {
  while (true) {
    if (uses_lost_workers() && !plan_again()) return;
    describe_plan();
    run_groups();
    if (feed.given_back() == 0) return;
    if (options.cancel.cancelled()) return feed.fail_given_back({ErrorCode::kCancelled, "Cancelled."});
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

bool Run::plan_again() {
  const auto lost = parts.threads.lost();
  std::vector<Worker> all;
  std::vector<int> alive;
  for (int i = 0; i < int(parts.threads.size()); ++i) {
    all.push_back(parts.threads.worker(i));
    if (!lost.contains(i)) alive.push_back(i);
  }
  if (alive.empty()) {
    std::string what = "Every device was lost.";
    for (const auto& [worker, why] : lost)
      what += fmt::format(" {}: {}", parts.threads.worker(worker).name, why);
    give_up({ErrorCode::kDeviceLost, what,
             "Check the cables, cooling and driver of the devices, or use --devices cpu."});
    return false;
  }
  std::vector<StageProfile> profiles;
  for (const auto& stage : parts.stages) profiles.push_back(stage->profile());
  if (options.planned_workers.size() == all.size()) all = options.planned_workers;
  PlanOptions wanted = options.plan;
  wanted.pictures = std::max(wanted.pictures, feed.given_back());
  try {
    plan = find_plan_for_some(all, alive, profiles, wanted);
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

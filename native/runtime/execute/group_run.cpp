#include "runtime/execute/group_run.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/plan/stations.h"

namespace relievo {

GroupRun::GroupRun(Run& run, const DeviceGroup& group)
    : run_(run),
      group_(group),
      queues_(group.stations.size()),
      expected_load_s_(group.stations.size()),
      batch_(size_t(group.batch)) {
  const auto lock = run_.feed.lock();
  count_if_idle();
}

GroupRun::~GroupRun() {
  const auto lock = run_.feed.lock();
  if (is_idle_) run_.feed.count_idle_groups(-1);
}

void GroupRun::count_if_idle() {
  const bool is_idle = inside_ == 0 && open_from_ == 0;
  if (is_idle == is_idle_) return;
  is_idle_ = is_idle;
  run_.feed.count_idle_groups(is_idle ? 1 : -1);
}

void GroupRun::start(std::vector<std::future<void>>& running) {
  // Where one thread fails, all end, because the others would wait for its jobs.
  const auto guarded = [this](const auto& body) {
    try {
      body();
    } catch (...) {
      run_.feed.stop();
      break_off();
      throw;
    }
  };
  unload_what_is_not_placed();
  for (size_t i = 0; i < group_.stations.size(); ++i) expected_load_s_[i] = expected_load_seconds(station(i));
  guarded([&] {
    WorkerThreads& threads = run_.parts.threads;
    const auto start_on = [&](WorkerThread& on, const Thread& thread) {
      running.push_back(on.start([this, thread, guarded] { guarded([&] { work(thread); }); }));
    };
    for (int k = 0; k < group_.side_threads; ++k) {
      try {
        start_on(threads.side(group_.workers[0], k), {group_.workers[0], true});
      } catch (...) {
        if (k == 0) throw;
        const Error error = error_now(run_.parts.options.hooks);
        log(LogLevel::kInfo, "There are fewer threads beside the devices than planned: " + error.message());
        break;
      }
    }
    for (const int worker : group_.workers) {
      bool has_station = false;
      for (size_t i = 0; i < group_.stations.size(); ++i)
        has_station = has_station || serves({worker, false}, i);
      if (has_station) start_on(threads[worker], {worker, false});
    }
  });
}

bool GroupRun::serves(const Thread& thread, size_t index) const {
  return station(index).on_side == thread.is_side && station(index).worker == thread.worker;
}

/// Weights of an earlier run that this group does not keep are unloaded first.
void GroupRun::unload_what_is_not_placed() {
  for (const int worker : group_.workers) {
    run_.parts.threads[worker].run([&] {
      for (const StagePlacement& placement : group_.stages) {
        const bool kept =
            placement.resident && std::ranges::find(placement.workers, worker) != placement.workers.end();
        if (!kept) run_.parts.weights.unload(size_t(worker), size_t(placement.stage));
      }
    });
  }
}

double GroupRun::expected_load_seconds(const Station& station) const {
  double seconds = 0;
  for (size_t i = station.first; i < station.last; ++i) {
    const StagePlacement& placement = group_.stages[i];
    const auto stage = size_t(placement.stage);
    const WeightCache& weights = run_.parts.weights;
    if (weights.holds(size_t(placement.workers[0]), stage)) continue;
    const StageMode& mode = run_.parts.stages[stage]->profile().mode(placement.mode);
    const double again = double(mode.weight_bytes) / run_.worker(placement.workers[0]).host_bytes_per_second;
    const double now = weights.has_read(stage) ? again : std::max(mode.first_load(), again);
    seconds += placement.resident ? now : now - again;
  }
  return seconds;
}

void GroupRun::work(const Thread& thread) {
  JobFeed& feed = run_.feed;
  while (true) {
    const bool leads = !thread.is_side && thread.worker == group_.workers[0];
    if (leads) look_at_memory();
    std::optional<Task> task;
    {
      const auto waiting_since = Clock::now();
      auto lock = feed.lock();
      while (!(task = next_task(thread))) {
        if (is_over(thread)) return;
        feed.wait(lock);
      }
      if (task->station > 0) task->batch.waited_s = seconds_since(waiting_since);
    }
    JobBatch done;
    const Ended ended = attempt(task->station, std::move(task->batch), done);
    const size_t delivered = task->station + 1 == group_.stations.size() ? done.jobs.size() : 0;
    if (delivered > 0) deliver(done);
    std::vector<RunJob> back;
    {
      const auto lock = feed.lock();
      back = hand_on(*task, std::move(done));
      feed.notify();
    }
    if (ended == Ended::kCancelled) break_off();
    if (!back.empty()) feed.give_back(std::move(back));
  }
}

std::optional<GroupRun::Task> GroupRun::next_task(const Thread& thread) {
  const size_t count = group_.stations.size();
  for (size_t i = count; i-- > open_from_;) {
    if (!serves(thread, i)) continue;
    // How many wait before the first station only the source knows.
    const size_t waiting = i == 0 ? batch_ : queues_[i].waiting.jobs.size();
    const size_t behind = i + 1 < count ? queues_[i + 1].waiting.jobs.size() + queues_[i + 1].expected : 0;
    const int most = pictures_to_begin(group_, i, int(batch_), int(waiting), int(behind));
    if (most == 0) continue;
    Task task{.station = i};
    if (i == 0) {
      if (!is_idle_ && run_.feed.has_idle_groups()) continue;
      for (RunJob& job : run_.feed.take(most)) {
        std::any input = job.input;
        JobReport report = job.report;
        task.batch.add(std::move(job), std::move(input), std::move(report));
      }
      inside_ += task.batch.jobs.size();
      count_if_idle();
    } else {
      task.batch = queues_[i].waiting.take(queues_[i].waiting.alike(size_t(most)));
    }
    task.count = task.batch.jobs.size();
    if (task.count == 0) continue;
    // Of jobs that were begun elsewhere the plan there has told what this station takes.
    if (task.batch.reports.front().stages_done <= group_.stages[station(i).first].stage) {
      const double expected =
          seconds_at(station(i), group_, run_.profiles(), run_.workers(), int(task.count)) +
          std::exchange(expected_load_s_[i], 0);
      for (JobReport& report : task.batch.reports) report.expected_s += expected;
    }
    if (i + 1 < count) queues_[i + 1].expected += task.count;
    if (i > 0) run_.feed.notify();  // there is room before it
    return task;
  }
  return std::nullopt;
}

bool GroupRun::is_over(const Thread& thread) const {
  if (inside_ == 0 && (open_from_ > 0 || run_.feed.has_ended())) return true;
  for (size_t i = open_from_; i < group_.stations.size(); ++i) {
    if (serves(thread, i)) return false;
  }
  return true;
}

std::vector<RunJob> GroupRun::hand_on(const Task& task, JobBatch done) {
  const size_t next = task.station + 1;
  const bool is_last = next == group_.stations.size();
  const size_t handed = is_last || next < open_from_ ? 0 : done.jobs.size();
  inside_ -= task.count - handed;
  count_if_idle();
  if (is_last) return {};
  queues_[next].expected -= task.count;
  if (next < open_from_) return as_begun(std::move(done));
  JobBatch& waiting = queues_[next].waiting;
  for (size_t i = 0; i < done.jobs.size(); ++i)
    waiting.add(std::move(done.jobs[i]), std::move(done.values[i]), std::move(done.reports[i]));
  return {};
}

std::vector<RunJob> GroupRun::close_before(size_t station) {
  open_from_ = std::max(open_from_, station);
  std::vector<RunJob> back;
  for (size_t i = 0; i < open_from_; ++i) {
    JobBatch waiting = std::exchange(queues_[i].waiting, {});
    inside_ -= waiting.jobs.size();
    std::ranges::move(as_begun(std::move(waiting)), std::back_inserter(back));
  }
  count_if_idle();
  return back;
}

void GroupRun::break_off() {
  std::vector<RunJob> back;
  {
    const auto lock = run_.feed.lock();
    back = close_before(group_.stations.size());
  }
  run_.feed.give_back(std::move(back));
}

size_t GroupRun::behind(int worker) const {
  size_t behind = 0;
  for (size_t i = 0; i < group_.stations.size(); ++i) {
    for (size_t p = station(i).first; p < station(i).last; ++p) {
      const std::vector<int>& workers = group_.stages[p].workers;
      if (station(i).worker == worker || std::ranges::find(workers, worker) != workers.end()) behind = i + 1;
    }
  }
  return behind;
}

void GroupRun::look_at_memory() {
  const PlanOptions& planned = run_.options.plan;
  const int groups = int(run_.plan.groups.size());
  const int most =
      planned.policy == Policy::kMemory ? group_.batch : (planned.pictures + groups - 1) / groups;
  const int batch = batch_now(group_, run_.profiles(), run_.workers(), run_.budgets_now(group_), most);
  const auto lock = run_.feed.lock();
  if (size_t(batch) == batch_) return;
  log(LogLevel::kInfo, batch > int(batch_) ? "There is memory for more pictures at a time."
                                           : "There is memory for fewer pictures at a time.");
  batch_ = size_t(batch);
  run_.feed.notify();
}

GroupRun::Ended GroupRun::attempt(size_t station, JobBatch batch, JobBatch& done) {
  const JobBatch before = batch;
  try {
    run_stages(station, batch);
    done = std::move(batch);
    return Ended::kWell;
  } catch (const WorkerLost& lost) {
    lose(lost, before.jobs);
    return Ended::kLost;
  } catch (const NoRoom&) {
    withdraw(station + 1, as_begun(std::move(batch)));
    return Ended::kNoRoom;
  } catch (...) {
    if (run_.options.cancel.cancelled()) {
      run_.feed.give_back(before.jobs);
      return Ended::kCancelled;
    }
    if (before.jobs.size() == 1) {
      fail_with_current_error(before.jobs[0], batch.reports[0]);
      return Ended::kWell;
    }
  }
  return attempt_one_by_one(station, before, done);
}

GroupRun::Ended GroupRun::attempt_one_by_one(size_t station, JobBatch batch, JobBatch& done) {
  while (!batch.jobs.empty()) {
    std::vector<RunJob> rest = batch.jobs;
    JobBatch one = batch.take(1);
    try {
      run_stages(station, one);
      done.add(std::move(one.jobs[0]), std::move(one.values[0]), std::move(one.reports[0]));
    } catch (const WorkerLost& lost) {
      std::ranges::move(done.jobs, std::back_inserter(rest));
      done = {};
      lose(lost, std::move(rest));
      return Ended::kLost;
    } catch (const NoRoom&) {
      std::vector<RunJob> begun = as_begun(std::move(one));
      std::ranges::move(as_begun(std::move(batch)), std::back_inserter(begun));  // those that were not tried
      withdraw(station + 1, std::move(begun));
      return Ended::kNoRoom;
    } catch (...) {
      if (run_.options.cancel.cancelled()) {
        run_.feed.give_back(std::move(rest));
        return Ended::kCancelled;
      }
      fail_with_current_error(rest[0], one.reports[0]);
    }
  }
  return Ended::kWell;
}

void GroupRun::lose(const WorkerLost& lost, std::vector<RunJob> begun) {
  run_.parts.threads.lose(lost.worker, lost.message());
  withdraw(behind(lost.worker), std::move(begun));
}

void GroupRun::withdraw(size_t station, std::vector<RunJob> begun) {
  std::vector<RunJob> back;
  {
    const auto lock = run_.feed.lock();
    back = close_before(station);
  }
  std::ranges::move(back, std::back_inserter(begun));
  run_.feed.give_back(std::move(begun));
}

void GroupRun::run_stages(size_t index, JobBatch& batch) {
  for (size_t i = station(index).first; i < station(index).last; ++i) {
    const StagePlacement& placement = group_.stages[i];
    if (placement.stage < batch.reports.front().stages_done) continue;
    run_.options.cancel.check();
    const StagePlacement* next = i + 1 < station(index).last ? &group_.stages[i + 1] : nullptr;
    run_.stage_runner.run(placement, next, batch, group_.stages.size() == 1);
  }
}

void GroupRun::deliver(JobBatch& batch) {
  for (size_t i = 0; i < batch.jobs.size(); ++i) {
    JobReport& report = batch.reports[i];
    run_.feed.finish(batch.jobs[i].number, {.value = std::move(batch.values[i]),
                                            .stages = std::move(report.stages),
                                            .notes = std::move(report.notes),
                                            .lossy = report.lossy || run_.plan.lossy(),
                                            .plan = run_.plan_in_words,
                                            .expected_seconds = report.expected_s});
  }
}

void GroupRun::fail_with_current_error(const RunJob& job, const JobReport& report) {
  run_.feed.finish(job.number, {.error = error_now(run_.parts.options.hooks), .notes = report.notes});
}

}  // namespace relievo

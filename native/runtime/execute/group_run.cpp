#include "runtime/execute/group_run.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace relievo {

namespace {

template <typename T>
std::vector<T> joined(std::vector<T> all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// The jobs of a batch as others can go on with them.
std::vector<RunJob> as_begun(const JobBatch& batch) {
  std::vector<RunJob> jobs = batch.jobs;
  for (size_t i = 0; i < jobs.size(); ++i) {
    RunJob& job = jobs[i];
    job.input = batch.values[i];
    job.stages_done = batch.stages_done;
    job.reports = joined(std::move(job.reports), batch.reports);
    job.notes = joined(std::move(job.notes), batch.notes);
    job.lossy = job.lossy || batch.lossy;
    job.expected_s = batch.expected_s;
  }
  return jobs;
}

}  // namespace

GroupRun::GroupRun(Run& run, const DeviceGroup& group) : run_(run), group_(group) {
  if (group.kind != GroupKind::kPipeline) return;
  for (size_t i = 1; i < group.workers.size(); ++i) channels_.emplace_back();
}

void GroupRun::start(std::vector<std::future<void>>& running) {
  // Where one part fails, all end, because the others would wait for its jobs.
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
  expected_load_s_ = expected_load_seconds();
  guarded([&] {
    for (int part = 0; part <= int(channels_.size()); ++part) {
      running.push_back(run_.parts.threads[group_.workers[size_t(part)]].start(
          [this, part, guarded] { guarded([&] { work(part); }); }));
    }
  });
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

/// What is expected of loading weights that are not there, besides what the plan counts for every batch.
double GroupRun::expected_load_seconds() const {
  double seconds = 0;
  for (const StagePlacement& placement : group_.stages) {
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

void GroupRun::work(int part) {
  Placements placements;
  for (const StagePlacement& placement : group_.stages) {
    if (channels_.empty() || placement.workers[0] == group_.workers[size_t(part)])
      placements.push_back(&placement);
  }
  Channel<JobBatch>* const from = part > 0 ? &channels_[size_t(part) - 1] : nullptr;
  Channel<JobBatch>* const to = part < int(channels_.size()) ? &channels_[size_t(part)] : nullptr;
  while (!broken_) {
    const auto waiting_since = Clock::now();
    std::optional<JobBatch> batch = from ? from->take() : JobBatch{.jobs = run_.feed.next(group_.batch)};
    if (!batch || batch->jobs.empty()) break;
    if (from) {
      batch->waited_s = seconds_since(waiting_since);
    } else {
      const RunJob& first = batch->jobs.front();
      batch->stages_done = first.stages_done;
      batch->expected_s =
          first.stages_done > 0 ? first.expected_s : group_.latency_s + std::exchange(expected_load_s_, 0);
      for (const RunJob& job : batch->jobs) batch->values.push_back(job.input);
    }
    std::vector<JobBatch> done;
    const Ended ended = attempt(placements, std::move(*batch), done);
    for (JobBatch& finished : done) {
      if (!to) {
        deliver(finished);
      } else if (!to->give(std::move(finished))) {
        run_.feed.give_back(as_begun(finished));
      }
    }
    if (ended != Ended::kWell) break_off();
  }
  if (to) to->close();
}

void GroupRun::break_off() {
  broken_ = true;
  for (auto& channel : channels_) {
    if (const auto waiting = channel.break_off()) run_.feed.give_back(as_begun(*waiting));
  }
}

GroupRun::Ended GroupRun::attempt(const Placements& placements, JobBatch batch, std::vector<JobBatch>& done) {
  const JobBatch before = batch;
  try {
    run_stages(placements, batch);
    done.push_back(std::move(batch));
    return Ended::kWell;
  } catch (const WorkerLost& lost) {
    run_.feed.give_back(before.jobs);
    run_.parts.threads.lose(lost.worker, lost.message());
    return Ended::kLost;
  } catch (const NoRoom&) {
    run_.feed.give_back(as_begun(batch));
    return Ended::kNoRoom;
  } catch (...) {
    if (run_.options.cancel.cancelled()) {
      run_.feed.give_back(before.jobs);
      return Ended::kCancelled;
    }
    if (before.jobs.size() == 1) {
      fail_with_current_error(before.jobs[0], batch);
      return Ended::kWell;
    }
  }
  return attempt_one_by_one(placements, before, done);
}

GroupRun::Ended GroupRun::attempt_one_by_one(const Placements& placements, const JobBatch& batch,
                                             std::vector<JobBatch>& done) {
  for (size_t i = 0; i < batch.jobs.size(); ++i) {
    JobBatch one{{batch.jobs[i]}, {batch.values[i]}, batch.reports, batch.notes, batch.lossy};
    one.stages_done = batch.stages_done;
    one.expected_s = batch.expected_s;
    std::vector<RunJob> rest(batch.jobs.begin() + std::ptrdiff_t(i), batch.jobs.end());
    try {
      run_stages(placements, one);
      done.push_back(std::move(one));
    } catch (const WorkerLost& lost) {
      for (const JobBatch& finished : done) rest.push_back(finished.jobs[0]);
      done.clear();
      run_.feed.give_back(std::move(rest));
      run_.parts.threads.lose(lost.worker, lost.message());
      return Ended::kLost;
    } catch (const NoRoom&) {
      JobBatch left = batch;  // those that were not tried
      left.jobs.erase(left.jobs.begin(), left.jobs.begin() + std::ptrdiff_t(i) + 1);
      left.values.erase(left.values.begin(), left.values.begin() + std::ptrdiff_t(i) + 1);
      run_.feed.give_back(as_begun(left));
      run_.feed.give_back(as_begun(one));
      return Ended::kNoRoom;
    } catch (...) {
      if (run_.options.cancel.cancelled()) {
        run_.feed.give_back(std::move(rest));
        return Ended::kCancelled;
      }
      fail_with_current_error(batch.jobs[i], one);
    }
  }
  return Ended::kWell;
}

void GroupRun::run_stages(const Placements& placements, JobBatch& batch) {
  for (size_t i = 0; i < placements.size(); ++i) {
    if (placements[i]->stage < batch.stages_done) continue;
    run_.options.cancel.check();
    const StagePlacement* next = i + 1 < placements.size() ? placements[i + 1] : nullptr;
    run_.stage_runner.run(*placements[i], next, batch, group_.stages.size() == 1);
    batch.stages_done = placements[i]->stage + 1;
  }
}

void GroupRun::deliver(JobBatch& batch) {
  for (RunJob& job : as_begun(batch)) {
    run_.feed.finish(job.number, {.value = std::move(job.input),
                                  .stages = std::move(job.reports),
                                  .notes = std::move(job.notes),
                                  .lossy = job.lossy || run_.plan.lossy(),
                                  .plan = run_.plan_in_words,
                                  .expected_seconds = job.expected_s});
  }
}

void GroupRun::fail_with_current_error(const RunJob& job, const JobBatch& batch) {
  run_.feed.finish(job.number,
                   {.error = error_now(run_.parts.options.hooks), .notes = joined(job.notes, batch.notes)});
}

}  // namespace relievo

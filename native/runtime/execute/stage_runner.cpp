#include "runtime/execute/stage_runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"

namespace relievo {
namespace {

/// The sentence that the person reads about a fallback that was taken.
std::string note(const StageProfile& stage, const std::string& worker, const StageMode& mode) {
  const Fallbacks taken = stage.fallbacks_of(mode.execution);
  if (taken.smaller_input) {
    return fmt::format("The stage '{}' took a smaller input on {}{}{}, so the result differs.", stage.name,
                       worker, mode.smaller.empty() ? "" : ", ", mode.smaller);
  }
  if (taken.half_precision) {
    return fmt::format("The stage '{}' ran in half precision on {}, so the result differs slightly.",
                       stage.name, worker);
  }
  if (taken.streamed) {
    return fmt::format("The stage '{}' had its weights come from host memory layer by layer on {}.",
                       stage.name, worker);
  }
  return fmt::format("The stage '{}' ran in smaller {} on {}.", stage.name, taken.tiled ? "strips" : "chunks",
                     worker);
}

}  // namespace

WeightCache::Loading StageRunner::load(const StagePlacement& placement, const StageMode& mode) {
  std::vector<WeightCache::Loading> loadings(placement.workers.size(), WeightCache::Loading::kNone);
  std::vector<int> ends;
  for (const int count : placement.blocks) ends.push_back(count + (ends.empty() ? 0 : ends.back()));
  std::vector<size_t> which;
  for (size_t k = 0; k < placement.workers.size(); ++k) {
    if (placement.blocks.empty() || placement.blocks[k] > 0) which.push_back(k);
  }
  calls_.on_workers(placement, which, [&](size_t k) {
    StageLoad wanted{worker_for(placement, k), mode.execution, 0, 0, !placement.resident};
    if (!placement.blocks.empty()) {
      wanted.last_block = ends[k];
      wanted.first_block = ends[k] - placement.blocks[k];
    }
    loadings[k] = weights_.ensure(size_t(placement.workers[k]), size_t(placement.stage), wanted);
  });
  return *std::ranges::max_element(loadings);
}

Worker StageRunner::worker_for(const StagePlacement& placement, size_t k) const {
  Worker one = worker(placement.workers[k]);
  if (placement.on_side) one.threads = 1;
  return one;
}

int StageRunner::fitting(const StagePlacement& placement, const StageProfile& profile, const StageMode& mode,
                         int pictures) const {
  if (!options_.hooks.memory) return pictures;
  for (const int index : placement.workers) {
    const MemoryNow now = memory_now(options_.hooks, worker(index));
    const auto needed = [&](int batch) {
      return mode.workspace(batch) + batch * profile.output_bytes_per_picture;
    };
    while (pictures > 1 && now.used_bytes + needed(pictures) > now.budget_bytes)
      pictures = (pictures + 1) / 2;
  }
  return pictures;
}

const StageProfile& StageRunner::profile_on(const StagePlacement& placement) const {
  std::vector<Worker> workers;
  for (const int index : placement.workers) workers.push_back(worker(index));
  return stages_[size_t(placement.stage)]->profile().on(workers);
}

void StageRunner::load_ahead(Prefetch& ahead, const StagePlacement& next) {
  const StageMode& mode = stages_[size_t(next.stage)]->profile().mode(next.mode);
  ahead.start(size_t(next.workers[0]), size_t(next.stage),
              {worker(next.workers[0]), mode.execution, 0, 0, !next.resident});
}

std::vector<std::any> StageRunner::call(const StagePlacement& placement, const StageMode& mode,
                                        const JobBatch& batch, size_t first, size_t last, CallTally& tally) {
  StageCall call;
  call.mode = mode.execution;
  for (size_t k = 0; k < placement.workers.size(); ++k) call.workers.push_back(worker_for(placement, k));
  call.blocks = placement.blocks;
  call.part_kind = placement.part_kind;
  call.parts = placement.parts;
  call.set_runner([&](const std::vector<size_t>& which, const std::function<void(size_t)>& body,
                      const std::function<void()>& on_failure) {
    calls_.on_workers(placement, which, body, &tally, on_failure);
  });
  call.set_run_beside([&](size_t k, std::function<void()> body) {
    return weights_.start_beside(size_t(placement.workers[k]), worker(placement.workers[k]), std::move(body));
  });
  std::vector<std::any> outputs;
  const auto run = [&](size_t) {
    outputs =
        stages_[size_t(placement.stage)]->run(call, std::span(batch.values).subspan(first, last - first));
  };
  calls_.on_workers(placement, {0}, run, &tally);
  if (outputs.size() != last - first) {
    throw Error(ErrorCode::kInternal,
                fmt::format("The stage '{}' returned {} values for {}.",
                            stages_[size_t(placement.stage)]->profile().name, outputs.size(), last - first));
  }
  return outputs;
}

void StageRunner::make_room(const StagePlacement& placement) {
  calls_.on_every_worker(placement, [&](size_t k) {
    weights_.unload_others(size_t(placement.workers[k]), size_t(placement.stage));
    release_cache(worker(placement.workers[k]));
  });
}

void StageRunner::release_cache(const Worker& worker) const {
  if (!options_.hooks.release_cache) return;
  try {
    options_.hooks.release_cache(worker);
  } catch (...) {  // a lost device reports an error again at the next step
  }
}

Worker StageRunner::as_one(const StagePlacement& placement) const {
  Worker all = worker_for(placement, 0);
  all.budget_bytes = memory_now(options_.hooks, all).budget_bytes;
  for (size_t k = 1; k < placement.workers.size(); ++k) {
    const Worker& other = worker(placement.workers[k]);
    all.name += "+" + other.name;
    all.budget_bytes = std::min(all.budget_bytes, memory_now(options_.hooks, other).budget_bytes);
  }
  return all;
}

void StageRunner::unload(const StagePlacement& placement) {
  calls_.on_every_worker(
      placement, [&](size_t k) { weights_.unload(size_t(placement.workers[k]), size_t(placement.stage)); });
}

void StageRunner::run(const StagePlacement& placement, const StagePlacement* next, JobBatch& batch,
                      bool only_stage) {
  const bool stays = placement.resident || only_stage;
  try {
    run_with_fallbacks(placement, next, batch, only_stage);
  } catch (...) {
    if (stays) throw;
    try {
      unload(placement);
    } catch (...) {  // the worker may be lost; the first error counts
    }
    throw;
  }
  if (!stays) unload(placement);
}

void StageRunner::run_with_fallbacks(const StagePlacement& placement, const StagePlacement* next,
                                     JobBatch& batch, bool only_stage) {
  const StageProfile& profile = profile_on(placement);
  const Worker& first_worker = worker(placement.workers[0]);
  Room::Stay stay(rooms_[size_t(placement.workers[0])]);
  Worker whole = as_one(placement);
  const std::string names = whole.name;

  std::vector<std::any> outputs;
  std::vector<StageRun> reports;  // of each output
  const StageMode* mode = &profile.mode(placement.mode);
  size_t next_mode = size_t(mode - profile.modes.data()) + 1;
  bool room_made = only_stage;
  Prefetch ahead(weights_);
  std::optional<Error> last = batch.reports.front().want;  // the want of memory that a fallback is taken for
  const auto fall_back = [&] {
    // Smaller chunks and strips cost little; before anything else another place is sought.
    const bool is_next_cheap =
        next_mode < profile.modes.size() && Fallbacks{.chunked = true, .tiled = true}.include(
                                                profile.fallbacks_of(profile.modes[next_mode].execution));
    if (!is_next_cheap && seek_ && seek_(placement)) {
      const std::string text = fmt::format(
          "The stage '{}' had no room on {} ({}), so that the rest was planned again over all devices.",
          profile.name, names, format_bytes(whole.budget_bytes));
      batch.note(text);
      for (JobReport& report : batch.reports) report.want = last;
      throw NoRoom(ErrorCode::kOutOfMemory, text, "Give more devices with --devices.");
    }
    if (next_mode >= profile.modes.size() ||
        (profile.fallbacks_of(profile.modes[next_mode].execution).change_result() &&
         !run_.plan.allow_lossy)) {
      const bool lossy_left = next_mode < profile.modes.size();
      throw Error(
          ErrorCode::kOutOfMemory,
          fmt::format(
              "The stage '{}' does not fit into the memory of {} ({}), not even one picture at a time.{}",
              profile.name, names, format_bytes(whole.budget_bytes), last ? " " + last->message() : ""),
          lossy_left
              ? "Allow steps that change the result (without --no-lossy), close other programs, or give "
                "more devices."
          : last ? last->hint() + " Or give more devices with --devices."
                 : "Close other programs, give more devices with --devices, or use a smaller model.");
    }
    mode = &profile.modes[next_mode++];
    log(LogLevel::kInfo, fmt::format("The stage '{}' ran out of memory on {}; it is tried again, {} in {}.{}",
                                     profile.name, names, mode_name(mode->execution),
                                     mode->execution.precision, last ? " " + last->message() : ""));
  };

  if (options_.hooks.take_peak) options_.hooks.take_peak(first_worker);
  while (outputs.size() < batch.jobs.size()) {
    run_.cancel.check();
    const size_t first = outputs.size();
    const int wanted = int(batch.jobs.size() - first);
    whole = as_one(placement);  // its budget may have changed
    int size = options_.costs->batch_limit(whole, profile, *mode, wanted);
    if (size < 1 && !room_made) size = 1;  // with the other stages unloaded it may fit
    if (size < 1) {
      fall_back();
      continue;
    }
    const auto start = Clock::now();
    bool is_loaded = false;
    CallTally tally(placement.workers.size());
    auto loading = WeightCache::Loading::kNone;
    double load_seconds = 0;
    try {
      loading = load(placement, *mode);
      if (loading != WeightCache::Loading::kNone) load_seconds = seconds_since(start);
      is_loaded = true;
      if (next && next->ahead) load_ahead(ahead, *next);
      size = fitting(placement, profile, *mode, size);
      auto some = call(placement, *mode, batch, first, first + size_t(size), tally);
      for (std::any& output : some) outputs.push_back(std::move(output));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory) {
        ahead.take_back();
        throw;
      }
      // Where weights do not come in again, what helps the stage is what it said when it ran.
      const bool has_run = is_loaded && !mode->execution.streamed;
      last = Error(error.code(), error.message(), has_run || !last ? error.hint() : last->hint());
      const bool had_more_room = ahead.take_back();
      release_cache(first_worker);
      if (had_more_room || stay.be_alone()) continue;
      const bool chunks_next =
          next_mode < profile.modes.size() &&
          profile.fallbacks_of(profile.modes[next_mode].execution) == Fallbacks{.chunked = true};
      if (is_loaded && size > 1) {
        options_.costs->learn_limit(whole, profile, *mode, size);
      } else if (!room_made && !(is_loaded && chunks_next)) {
        make_room(placement);
        room_made = true;
        batch.note(
            fmt::format("The stage '{}' had the weights of all other stages moved out of {} to make room.",
                        profile.name, names));
      } else {
        options_.costs->learn_limit(whole, profile, *mode, 1);
        fall_back();
      }
      continue;
    }
    StageRun report{profile.name,
                    names,
                    seconds_since(start),
                    size,
                    mode->execution,
                    options_.hooks.take_peak ? options_.hooks.take_peak(first_worker) : 0,
                    options_.hooks.fragmentation ? options_.hooks.fragmentation(first_worker) : std::nullopt};
    report.threads = whole.threads;
    report.on_side = placement.on_side;
    report.load_seconds = load_seconds;
    report.is_first_load = loading == WeightCache::Loading::kFirst;
    report.repeated = placement.repeated;
    std::vector<std::string> each;
    for (const int index : placement.workers) each.push_back(worker(index).name);
    report.devices = tally.devices(each, report.seconds - load_seconds);
    report.devices.front().waiting += std::exchange(batch.waited_s, 0);
    for (const auto& transfers : tally.transfers) {
      report.transfers.insert(report.transfers.end(), transfers.begin(), transfers.end());
    }
    reports.resize(outputs.size(), report);
  }
  const Fallbacks taken = profile.fallbacks_of(mode->execution);
  if (taken != Fallbacks()) batch.note(note(profile, names, *mode));
  for (size_t i = 0; i < reports.size(); ++i) {
    JobReport& report = batch.reports[i];
    report.stages.push_back(std::move(reports[i]));
    report.lossy = report.lossy || taken.change_result();
    report.stages_done = placement.stage + 1;
    report.want.reset();
  }
  batch.values = std::move(outputs);
}

}  // namespace relievo

// The thread of an engine's scheduler, which plans and starts runs. The pictures are made on the workers' own
// threads.
#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/parallel.h"
#include "base/thread_room.h"
#include "engine/costs.h"
#include "engine/engine_impl.h"
#include "engine/machine.h"
#include "engine/stages.h"
#include "nn/bring.h"
#include "nn/errors.h"
#include "nn/exchange.h"
#include "runtime/execute/learn.h"
#include "runtime/torch/worker_hooks.h"

namespace relievo {
void Engine::Impl::work() {
  std::unique_lock lock(mutex);
  while (true) {
    const auto is_wanted = [&] {
      return is_closing || wants_unload || is_idle_time_new || (!is_paused && !queue.empty());
    };
    is_idle_time_new = false;
    if (idle_seconds > 0 && idle_seconds < kNever && (is_loaded || previewer.holds_model())) {
      const auto due = idle_since + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(idle_seconds));
      if (!wake.wait_until(lock, due, is_wanted)) {
        wants_unload = true;
        previewer.drop_model();
        idle_since = Clock::now();  // a preview that is being made keeps its model until it has ended
      }
    } else {
      wake.wait(lock, is_wanted);
    }
    if (wants_unload) {
      lock.unlock();
      executor.reset();
      give_memory_back();
      lock.lock();
      wants_unload = is_loaded = false;
    }
    if (is_closing) break;
    if (is_paused || queue.empty()) continue;
    const StatePointer first = queue.front();
    lock.unlock();
    try {
      run(first);
    } catch (...) {  // the run could not begin: there is no plan, a model cannot be read, ...
      take_out(first);
      if (first->begin()) end_with_current_error(*first);
    }
    lock.lock();
    is_loaded = executor && executor->loaded() > 0;
    idle_since = Clock::now();
  }
  lock.unlock();
  executor.reset();
  lock.lock();
  is_loaded = false;
}

void Engine::Impl::run(const StatePointer& first) {
  const Settings settings = first->request.settings;
  const bool is_all_lost = executor && executor->lost_workers().size() == workers.get().size();
  if (!executor || executor->loaded() == 0 || is_all_lost) {
    executor.reset();
    workers.look_anew();
  }
  use_pipeline(pipeline_config(settings));
  const int waiting = std::max(1, queued_jobs.count(settings));
  const int64_t decoding_bytes = std::max(decoding_bytes_of(*first), kDecodedForNothing);
  tally = {plan_for(stages, settings, waiting, decoding_bytes, executor.get()), size_for_costs(settings),
           Clock::now()};
  const Planned& planned = tally.planned;
  workers.warn();
  // A plan for twice as many costs a moment in which the devices run empty.
  const int too_many =
      is_better_planned_for_more(planned) ? 2 * planned.options.pictures : std::numeric_limits<int>::max();
  queued_jobs.serve(settings, decoding_bytes, too_many);
  try {
    executor->run(planned.plan, queued_jobs,
                  {.plan = planned.options, .planned_workers = planned.workers, .cancel = closing});
  } catch (...) {  // there is no memory, or this is a fault of ours
    if (!queued_jobs.has_begun()) throw;
    queued_jobs.end_all_begun();
  }
  costs->keep();
}

void Engine::QueuedJobs::serve(const Settings& settings, int64_t decoding_bytes, int too_many) {
  settings_ = settings;
  decoding_bytes_ = decoding_bytes;
  too_many_ = too_many;
  has_begun_ = false;
}

int Engine::QueuedJobs::count(const Settings& settings) const {
  const std::lock_guard lock(engine_.mutex);
  return count_waiting(settings);
}

int Engine::QueuedJobs::count_waiting(const Settings& settings) const {
  return static_cast<int>(std::ranges::count_if(
      engine_.queue, [&](const auto& job) { return same_costs(job->request.settings, settings); }));
}

void Engine::QueuedJobs::measure_decoding(int most) {
  std::vector<StatePointer> front;
  {
    const std::lock_guard lock(engine_.mutex);
    const auto count = std::min(std::max(most, 0), static_cast<int>(engine_.queue.size()));
    front.assign(engine_.queue.begin(), engine_.queue.begin() + count);
  }
  for (const StatePointer& job : front) decoding_bytes_of(*job);
}

std::vector<RunJob> Engine::QueuedJobs::next(int most) {
  measure_decoding(most);
  std::vector<RunJob> jobs;
  std::unique_lock lock(engine_.mutex);
  if (count_waiting(settings_) >= too_many_) return jobs;
  auto& queue = engine_.queue;
  const bool is_halted = engine_.is_paused || engine_.is_closing || engine_.wants_unload;
  while (static_cast<int>(jobs.size()) < most && !is_halted && !queue.empty() &&
         same_costs(queue.front()->request.settings, settings_) && queue.front()->decoding &&
         decoding_bytes_of(*queue.front()) <= decoding_bytes_) {
    const StatePointer job = queue.front();
    PictureWork work;
    work.job = context_of(job);
    jobs.push_back({job->number, std::move(work)});
    queue.pop_front();  // nothing can fail from here on
    if (job->begin()) {
      engine_.running.push_back(job);
      has_begun_ = true;
    } else {
      jobs.pop_back();
    }
  }
  lock.unlock();
  try {
    if (!jobs.empty()) {
      for (const std::string& line : engine_.device_lines()) {
        for (const RunJob& job : jobs) std::any_cast<const PictureWork&>(job.input).job->on_log(line);
      }
    }
  } catch (...) {  // there is no memory for lines of a log; the jobs may do without
  }
  return jobs;
}

void Engine::QueuedJobs::done(uint64_t number, Outcome outcome) {
  StatePointer job;
  {
    const std::lock_guard lock(engine_.mutex);
    const auto found =
        std::ranges::find(engine_.running, number, [](const auto& one) { return one->number; });
    if (found == engine_.running.end()) throw Error(ErrorCode::kInternal, "A picture was made twice.");
    job = *found;
    engine_.running.erase(found);
    engine_.is_loaded = true;
  }
  try {
    engine_.finish(*job, outcome);
  } catch (...) {
    end_with_current_error(*job);
  }
}

void Engine::QueuedJobs::end_all_begun() {
  while (true) {
    StatePointer job;
    {
      const std::lock_guard lock(engine_.mutex);
      if (engine_.running.empty()) return;
      job = engine_.running.back();
      engine_.running.pop_back();
    }
    end_with_current_error(*job);
  }
}

namespace {

/// Says where a stage's time went, where that is worth saying: ` (cpu#0 1.2 s computing, 0.3 s waiting;
/// ...)`.
std::string told(const StageRun& stage) {
  constexpr double kWorthSaying = 0.005;
  std::vector<std::string> parts;
  for (const DeviceSeconds& device : stage.devices) {
    std::string part = fmt::format("{} {:.2f} s computing", device.worker, device.computing);
    if (device.transfer > kWorthSaying) part += fmt::format(", {:.2f} s copying", device.transfer);
    if (device.waiting > kWorthSaying) part += fmt::format(", {:.2f} s waiting", device.waiting);
    if (stage.devices.size() > 1 || part.find(',') != std::string::npos) parts.push_back(std::move(part));
  }
  if (stage.load_seconds > kWorthSaying) parts.push_back(fmt::format("{:.2f} s loading", stage.load_seconds));
  return parts.empty() ? std::string() : fmt::format(" ({})", fmt::join(parts, "; "));
}

}  // namespace

void Engine::Impl::account_for(const Outcome& outcome, GenerateResult& result) {
  const Planned& planned = tally.planned;
  for (const auto& [product, samples] :
       samples_of(outcome.stages, workers.get(), planned.workers, planned.profiles, tally.size)) {
    costs->learn(product, samples);
  }
  result.expected_seconds = outcome.expected_seconds;
  double best = 0;
  size_t computing = 0;
  for (const DeviceGroup& group : planned.plan.groups) {
    computing += group.workers.size() + static_cast<size_t>(group.side_threads);
  }
  for (const Worker& worker : planned.workers) best = std::max(best, worker.speed);
  for (const StageRun& stage : outcome.stages) {
    for (const DeviceSeconds& device : stage.devices) {
      const auto worker = std::ranges::find(planned.workers, device.worker, &Worker::name);
      if (worker == planned.workers.end()) continue;
      // A side thread is one of those that the worker would have alone.
      const double share = stage.on_side ? 1.0 / worker->threads : 1;
      tally.computed += share * device.computing / stage.batch * worker->speed / best;
    }
  }
  if (computing < 2) return;
  const double passed = std::chrono::duration<double>(Clock::now() - tally.begun).count();
  result.speed_up = {planned.plan.speed_up(), passed > 0 ? tally.computed / passed : 0, planned.plan.limit};
}

std::vector<std::string> Engine::Impl::device_lines() {
  std::vector<std::string> lines;
  const std::vector<Worker> used = workers.get();
  for (const DeviceInfo& device : find_devices()) {
    const bool is_used = std::ranges::any_of(used, [&](const Worker& worker) {
      return !device.device.empty() && worker.name.substr(0, worker.name.find('#')) == device.device;
    });
    if (is_used) lines.push_back(state_of(device));
  }
  return lines;
}

void Engine::Impl::finish(Job::State& job, const Outcome& outcome) {
  if (outcome.error) return end_with(job, *outcome.error);
  const auto& work = std::any_cast<const PictureWork&>(outcome.value);
  if (work.error) return end_with(job, *work.error);
  const auto result = std::get<FinishedPicture>(work.made);
  for (const StageRun& stage : outcome.stages) {
    result->stages.push_back({stage.stage, stage.seconds, stage.peak_bytes, stage.worker,
                              stage.mode.precision, stage.batch, stage.fragmentation, stage.load_seconds});
    result->stages.back().on_side = stage.on_side;
    for (const DeviceSeconds& device : stage.devices) {
      result->stages.back().devices.push_back(
          {device.worker, device.computing, device.transfer, device.waiting});
    }
    std::string line =
        fmt::format("{}: {:.2f} s on {}{}{}", stage.stage, stage.seconds,
                    stage.on_side ? "a thread of the processor beside " : "", stage.worker, told(stage));
    if (stage.fragmentation) {
      line += fmt::format("; {:.0f} % of the memory that the allocator holds is unused",
                          100 * *stage.fragmentation);
    }
    job.log(line);
  }
  account_for(outcome, *result);
  job.log(
      fmt::format("The stages were expected to take {:.2f} s and took {:.2f} s.", result->expected_seconds,
                  std::accumulate(result->stages.begin(), result->stages.end(), 0.0,
                                  [](double sum, const StageReport& stage) { return sum + stage.seconds; })));
  std::vector<std::string> plan = outcome.plan;
  for (const std::string& device : workers.left_out()) plan.push_back(device);
  if (const std::string sentence = decoding_sentence(job.decoding.value_or(DecodingCost()));
      !sentence.empty())
    plan.push_back(sentence);
  result->plan = fmt::format("{}", fmt::join(plan, " "));
  job.log(result->plan);
  if (const auto& speed_up = result->speed_up) {
    job.log(fmt::format("So far the devices were {:.2f} times as fast as one alone{}{}.", speed_up->reached,
                        speed_up->expected > 0
                            ? fmt::format("; {:.2f} times was expected", speed_up->expected)
                            : std::string(),
                        speed_up->limit.empty() ? std::string() : ", limited by " + speed_up->limit));
  }
  if (const std::string allocator = workers.allocator(); !allocator.empty()) {
    job.log("The GPUs' allocator: " + allocator + ".");
  }
  result->notes.insert(result->notes.end(), outcome.notes.begin(), outcome.notes.end());
  result->lossy = outcome.lossy;
  for (const std::string& note : outcome.notes) job.log(note);
  forget_pictures(job);
  job.finish(result);
}

namespace {

std::vector<DeviceCopy> transfers_of_this_thread() {
  const auto index = [](at::Device device) { return device.is_cuda() ? int(device.index()) : -1; };
  std::vector<DeviceCopy> transfers;
  for (const BroughtTensor& each : take_brought()) {
    transfers.push_back({index(each.from), index(each.to), each.bytes, each.seconds});
  }
  return transfers;
}

}  // namespace

void Engine::Impl::use_pipeline(const PipelineConfig& wanted) {
  if (executor && config == wanted) return;
  executor.reset();
  stages = make_stages(wanted, models, options.cuda_graphs);
  config = wanted;
  WorkerHooks hooks = make_worker_hooks(workers.get());
  hooks.current_error = current_torch_error;
  hooks.take_transfers = transfers_of_this_thread;
  hooks.take_waited = take_waited_seconds;
  hooks.enter = [enter = std::move(hooks.enter)](const Worker& worker) {
    // Room is needed for LibTorch's pool of threads and for OpenMP's.
    require_room_for_threads(2 * worker.threads);
    enter(worker);
    parallel_for(2, 1, [](int64_t, int64_t) {});  // starts OpenMP's threads while there is room
  };
  executor = std::make_unique<Executor>(workers.get(),
                                        std::vector<std::shared_ptr<Stage>>(stages.begin(), stages.end()),
                                        ExecutorOptions{.hooks = std::move(hooks), .costs = costs});
}

void Engine::Impl::take_out(const StatePointer& job) {
  const std::lock_guard lock(mutex);
  std::erase(queue, job);
}

}  // namespace relievo

#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fork.h"
#include "base/log.h"
#include "engine/costs.h"
#include "engine/job_run.h"
#include "engine/open_slots.h"
#include "engine/pipeline.h"
#include "engine/previewer.h"
#include "engine/stages.h"
#include "nn/errors.h"
#include "runtime/executor.h"
#include "runtime/torch/slot_hooks.h"

namespace relievo {

std::string version() { return RELIEVO_VERSION; }

namespace {

namespace fs = std::filesystem;

/// Whether slots work on one picture together somewhere.
bool shares_pictures(const Plan& plan) {
  return std::any_of(plan.lanes.begin(), plan.lanes.end(),
                     [](const Lane& lane) { return lane.kind != LaneKind::kSingle; });
}

void check_idle_seconds(double seconds) {
  if (seconds >= 0) return;  // a NaN is not
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("idle_seconds is {}; it must be 0 or more, and infinity means never.", seconds));
}

}  // namespace

/// The machine as slots, found when it is first asked for; with the memory that is free then.
class Engine::Slots {
 public:
  explicit Slots(const EngineOptions& options) : options_(options) {}

  /// Throws Error{kInvalidSettings} for devices that are not there.
  std::vector<Slot> get() {
    const std::lock_guard lock(mutex_);
    if (opened_.slots.empty()) opened_ = open_slots(options_);
    return opened_.slots;
  }

  /// Which devices are not among them and why, in sentences.
  std::vector<std::string> left_out() {
    const std::lock_guard lock(mutex_);
    return opened_.left_out;
  }

  /// What is free has changed, or devices have come and gone.
  void look_anew() {
    const std::lock_guard lock(mutex_);
    opened_ = {};
  }

 private:
  const EngineOptions& options_;
  std::mutex mutex_;
  OpenedSlots opened_;
};

struct Engine::Impl {
  using Clock = std::chrono::steady_clock;

  explicit Impl(const EngineOptions& given)
      : options(given),
        models(find_models(given.models)),
        slots(options),
        idle_seconds(given.idle_seconds),
        previewer({.models = models,
                   .threads = options.threads,
                   .before = [this] { open_devices(); },
                   .after = [this] { begin_idle_time(); }}),
        worker([this] { work(); }) {
    set_log_sink([this](LogLevel level, std::string_view line) {
      if (level != LogLevel::kDebug) tell(std::string(line));
    });
  }

  ~Impl() { close(); }

  void close() {
    const std::lock_guard one_at_a_time(closing_once);
    if (!worker.joinable()) return;
    set_log_sink(nullptr);
    {
      const std::lock_guard lock(mutex);
      is_closing = true;
      closing.cancel();
      for (const auto& job : running) Job(job).cancel();
      for (const auto& job : queue) Job(job).cancel();
      for (const auto& job : previewer.jobs()) Job(job).cancel();
    }
    wake.notify_all();
    previewer.close();
    worker.join();
  }

  /// A log line goes to the job that it is about, or else to all that run.
  void tell(const std::string& line) {
    if (const JobContext* job = current_job()) return job->on_log(line);
    std::vector<StatePointer> all;
    {
      const std::lock_guard lock(mutex);
      all = running;
    }
    all.push_back(previewer.running());
    for (const auto& job : all) {
      if (job) job->log(line);
    }
  }

  /// What is known of the slots when they are planned with.
  std::vector<Slot> measured_slots(const Settings& settings) {
    std::vector<Slot> measured = slots.get();
    set_measured_speeds(measured, settings);
    return measured;
  }

  PlanOptions plan_options(const std::vector<StageProfile>& profiles, const std::vector<Slot>& planned,
                           int pictures) const {
    return {.pictures = pictures,
            .policy = policy_of(options.policy),
            .strategy = strategy_of(options.strategy),
            .allow_lossy = options.allow_lossy,
            .batch_limits = batch_limits(profiles, planned)};
  }

  /// One that keeps all slots busy when more pictures come, unless slots share a single picture.
  static Plan plan_for(const std::vector<StageProfile>& profiles, const std::vector<Slot>& planned,
                       PlanOptions asked) {
    const int slot_count = static_cast<int>(planned.size());
    Plan made = plan(planned, profiles, asked);
    if (shares_pictures(made) || asked.pictures >= slot_count) return made;
    asked.pictures = slot_count;
    return plan(planned, profiles, asked);
  }

  /// What was learnt of these stages on these slots; at least one picture.
  std::vector<int> batch_limits(const std::vector<StageProfile>& profiles,
                                const std::vector<Slot>& planned) const {
    std::vector<int> most;
    for (const StageProfile& profile : profiles) {
      int batch = profile.max_batch;
      for (const Slot& slot : planned) batch = limits->batch(slot, profile, profile.modes.front(), batch);
      most.push_back(std::max(batch, 1));
    }
    return most;
  }

  // The worker: plans and starts runs. The pictures are made on the slots' own threads.

  void work() {
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
          idle_since = Clock::now();  // a preview at work keeps its model until it has ended
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
      } catch (...) {  // before it began: there is no plan, a model cannot be read, ...
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

  /// Makes `first` and all after it in the queue that can be made with the same plan. Throws when none of
  /// them was begun.
  void run(const StatePointer& first) {
    const Settings settings = first->request.settings;
    const auto count_alike = [&] {  // under the lock
      return static_cast<int>(std::ranges::count_if(
          queue, [&](const auto& job) { return same_costs(job->request.settings, settings); }));
    };
    int waiting = 0;
    {
      const std::lock_guard lock(mutex);
      waiting = count_alike();
    }
    const bool is_all_lost = executor && executor->lost_slots().size() == slots.get().size();
    if (!executor || executor->loaded() == 0 || is_all_lost) {
      executor.reset();
      slots.look_anew();
    }
    use_recipe(recipe_of(settings));
    prepare(stages, settings, slots.get());
    const std::vector<StageProfile> profiles = profiles_of(stages);
    const std::vector<Slot> planned = measured_slots(settings);
    const PlanOptions asked = plan_options(profiles, planned, waiting);
    const Plan made = plan_for(profiles, planned, asked);
    const bool is_for_one = waiting == 1 && shares_pictures(made);
    std::vector<StatePointer> taken;  // by picture; touched under the lock
    RunOptions run_options{.plan = asked, .planned_slots = planned, .control = {{}, closing}};
    run_options.more = [&](int most) {
      std::vector<std::any> pictures;
      const std::lock_guard lock(mutex);
      if (is_for_one && count_alike() > 1) return pictures;  // more of them are better planned anew
      while (static_cast<int>(pictures.size()) < most && !is_paused && !is_closing && !wants_unload &&
             !queue.empty() && same_costs(queue.front()->request.settings, settings)) {
        const StatePointer job = queue.front();
        PictureWork work;
        work.job = context_of(job);
        pictures.emplace_back(std::move(work));
        make_room_for_one(taken);
        queue.pop_front();  // from here on nothing can fail
        if (job->begin()) {
          running.push_back(job);
          taken.push_back(job);
        } else {
          pictures.pop_back();
        }
      }
      return pictures;
    };
    run_options.on_done = [&](int picture, const Outcome& outcome) {
      StatePointer job;
      {
        const std::lock_guard lock(mutex);
        job = std::move(taken[static_cast<size_t>(picture)]);
        std::erase(running, job);
        is_loaded = true;
      }
      try {
        finish(*job, outcome);
      } catch (...) {
        end_with_current_error(*job);
      }
    };
    try {
      executor->run(made, {}, run_options);
    } catch (...) {  // no memory, or a fault of ours: nothing that was begun may be left running
      if (taken.empty()) throw;
      for (const StatePointer& job : taken) {
        if (!job) continue;
        {
          const std::lock_guard lock(mutex);
          std::erase(running, job);
        }
        end_with_current_error(*job);
      }
    }
  }

  void finish(Job::State& job, const Outcome& outcome) {
    if (outcome.error) return end_with(job, *outcome.error);
    const auto& work = std::any_cast<const PictureWork&>(outcome.value);
    if (work.error) return end_with(job, *work.error);
    const std::shared_ptr<GenerateResult> result = work.result;
    for (const StageRun& stage : outcome.stages) {
      result->stages.push_back({stage.stage, stage.seconds, stage.peak_bytes, stage.slot, stage.precision,
                                stage.batch, stage.fragmentation});
      std::string line = fmt::format("{}: {:.2f} s on {}", stage.stage, stage.seconds, stage.slot);
      if (stage.fragmentation) {
        line += fmt::format("; {:.0f} % of the memory that the allocator holds is unused",
                            100 * *stage.fragmentation);
      }
      job.log(line);
    }
    std::vector<std::string> plan = outcome.plan;
    for (const std::string& device : slots.left_out()) plan.push_back(device);
    result->plan = fmt::format("{}", fmt::join(plan, " "));
    job.log(result->plan);
    result->notes.insert(result->notes.end(), outcome.notes.begin(), outcome.notes.end());
    result->lossy = outcome.lossy;
    for (const std::string& note : outcome.notes) job.log(note);
    forget_pictures(job);
    job.finish(result);
  }

  /// Stages and executor for another recipe; the weights of the one before go.
  void use_recipe(const Recipe& wanted) {
    if (executor && recipe == wanted) return;
    executor.reset();
    stages = make_stages(wanted, models);
    recipe = wanted;
    SlotHooks hooks = make_slot_hooks();
    hooks.current_error = current_torch_error;
    executor = std::make_unique<Executor>(slots.get(),
                                          std::vector<std::shared_ptr<Stage>>(stages.begin(), stages.end()),
                                          ExecutorOptions{.hooks = std::move(hooks), .limits = limits});
  }

  /// So that beginning a job cannot fail.
  void make_room_to_run(size_t jobs) {
    if (running.capacity() < jobs) running.reserve(2 * jobs);
  }
  static void make_room_for_one(std::vector<StatePointer>& jobs) {
    if (jobs.capacity() == jobs.size()) jobs.reserve(2 * jobs.size() + 1);
  }

  void take_out(const StatePointer& job) {
    const std::lock_guard lock(mutex);
    std::erase(queue, job);
  }

  // For the previewer, on its thread:

  /// libtorch_cuda: torch has to know of it before its first convolution.
  void open_devices() {
    try {
      slots.get();
    } catch (const Error&) {  // the jobs say so
    }
  }

  void begin_idle_time() {
    {
      const std::lock_guard lock(mutex);
      idle_since = Clock::now();
      is_idle_time_new = true;  // the worker waits for what was due before
    }
    wake.notify_all();
  }

  const EngineOptions options;
  const fs::path models;
  Slots slots;
  const CancelToken closing;
  const std::shared_ptr<LearnedLimits> limits =
      std::make_shared<LearnedLimits>(LearnedLimits::default_path());
  // The worker's:
  Recipe recipe;
  std::vector<std::shared_ptr<PipelineStage>> stages;
  std::unique_ptr<Executor> executor;

  std::mutex closing_once;  // for close()
  mutable std::mutex mutex;
  std::condition_variable wake;
  // Guarded by `mutex`:
  std::deque<StatePointer> queue;
  std::vector<StatePointer> running;
  double idle_seconds;
  Clock::time_point idle_since = Clock::now();
  bool is_idle_time_new = false;
  bool is_loaded = false;
  bool is_paused = false;
  bool wants_unload = false;
  bool is_closing = false;
  // Last, for they use the others:
  Previewer previewer;
  std::thread worker;
};

Engine::Engine(const EngineOptions& options) {
  require_threads("Relievo");
  policy_of(options.policy);
  strategy_of(options.strategy);
  check_range("threads", options.threads, kThreadsRange);
  check_idle_seconds(options.idle_seconds);
  use_threads();
  impl_ = std::make_unique<Impl>(options);
}

Engine::~Engine() {
  if (has_lost_threads()) static_cast<void>(impl_.release());  // its threads cannot be joined: it stays
}

Engine::Impl& Engine::impl() const {
  require_threads("This engine");
  return *impl_;
}

void Engine::close() {
  if (!has_lost_threads()) impl_->close();
}

Job Engine::submit(GenerateRequest request) {
  Impl& engine = impl();
  check_request(request);
  // In a process that was forked off, threads that are not there wait for it: it stays.
  const std::shared_ptr<Job::State> state(new Job::State(std::move(request)), [](Job::State* job) {
    if (!has_lost_threads()) delete job;
  });
  if (state->request.only_foreground) {
    engine.previewer.submit(state);
    return Job(state);
  }
  {
    const std::lock_guard lock(engine.mutex);
    if (engine.is_closing) throw engine_is_closed();
    engine.make_room_to_run(engine.running.size() + engine.queue.size() + 1);
    engine.queue.push_back(state);
  }
  engine.wake.notify_all();
  return Job(state);
}

std::vector<std::string> Engine::slots() const {
  Impl& engine = impl();
  std::vector<std::string> names;
  for (const Slot& slot : engine.slots.get()) names.push_back(slot.name);
  return names;
}

std::vector<std::string> Engine::explain_plan(const Settings& settings, int pictures) const {
  Impl& engine = impl();
  validate(settings);
  check_range("pictures", pictures, kPlannedPicturesRange);
  const auto stages = make_stages(recipe_of(settings), engine.models);
  prepare(stages, settings, engine.slots.get());
  const std::vector<StageProfile> profiles = profiles_of(stages);
  const std::vector<Slot> planned = engine.measured_slots(settings);
  const Plan made = engine.plan_for(profiles, planned, engine.plan_options(profiles, planned, pictures));
  std::vector<std::string> sentences = made.reasons;
  for (const auto& more : {made.idle, impl_->slots.left_out(), made.refused}) {
    sentences.insert(sentences.end(), more.begin(), more.end());
  }
  return sentences;
}

std::vector<Job> Engine::queue() const {
  Impl& engine = impl();
  const std::lock_guard lock(engine.mutex);
  std::vector<Job> jobs;
  std::vector<StatePointer> all = engine.running, waiting = engine.previewer.jobs();
  waiting.insert(waiting.end(), engine.queue.begin(), engine.queue.end());
  const auto add_all = [&](const std::vector<StatePointer>& states, JobState wanted) {
    for (const auto& state : states) {
      if (Job(state).status().state == wanted) jobs.emplace_back(state);
    }
  };
  all.insert(all.end(), waiting.begin(), waiting.end());
  add_all(all, JobState::kRunning);
  add_all(all, JobState::kWaiting);
  return jobs;
}

bool Engine::move(const Job& job, size_t place) {
  Impl& engine = impl();
  const std::lock_guard lock(engine.mutex);
  auto& queue = engine.queue;
  std::erase_if(queue, [](const auto& state) { return Job(state).status().state != JobState::kWaiting; });
  const auto found = std::find(queue.begin(), queue.end(), job.state_);
  if (found == queue.end()) return false;
  queue.erase(found);
  queue.insert(queue.begin() + static_cast<std::ptrdiff_t>(std::min(place, queue.size())), job.state_);
  return true;
}

void Engine::pause() {
  Impl& engine = impl();
  const std::lock_guard lock(engine.mutex);
  engine.is_paused = true;
}

void Engine::resume() {
  Impl& engine = impl();
  {
    const std::lock_guard lock(engine.mutex);
    engine.is_paused = false;
  }
  engine.wake.notify_all();
}

bool Engine::paused() const {
  Impl& engine = impl();
  const std::lock_guard lock(engine.mutex);
  return engine.is_paused;
}

void Engine::unload() {
  Impl& engine = impl();
  {
    const std::lock_guard lock(engine.mutex);
    engine.wants_unload = true;
  }
  engine.previewer.drop_model();
  engine.wake.notify_all();
}

bool Engine::loaded() const {
  Impl& engine = impl();
  const std::lock_guard lock(engine.mutex);
  return engine.is_loaded || engine.previewer.holds_model();
}

void Engine::set_idle_seconds(double seconds) {
  check_idle_seconds(seconds);
  Impl& engine = impl();
  {
    const std::lock_guard lock(engine.mutex);
    engine.idle_seconds = seconds;
    engine.is_idle_time_new = true;
  }
  engine.wake.notify_all();
}

}  // namespace relievo

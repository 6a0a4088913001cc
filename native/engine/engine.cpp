#include "engine/engine.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/fork.h"
#include "base/log.h"
#include "base/refusals.h"
#include "engine/engine_impl.h"
#include "runtime/torch/allocator_settings.h"

namespace relievo {

std::string version() { return RELIEVO_VERSION; }

namespace {

void check_idle_seconds(double seconds) {
  if (seconds >= 0) return;  // false for a NaN
  throw invalid_value("idle_seconds", fmt::format("{}", seconds),
                      "Use 0 or more; 0 and infinity mean that models stay loaded.");
}

}  // namespace

Engine::Impl::Impl(const EngineOptions& given)
    : options(given),
      models(find_models(given.models)),
      workers(options),
      idle_seconds(given.idle_seconds),
      previewer({.models = models,
                 .threads = options.threads,
                 .before = [this] { open_devices(); },
                 .after = [this] { begin_idle_time(); }}),
      scheduler([this] { work(); }) {
  set_log_sink([this](LogLevel level, std::string_view line) {
    if (level != LogLevel::kDebug) tell(std::string(line));
  });
}

void Engine::Impl::close() {
  const std::lock_guard one_at_a_time(closing_once);
  if (!scheduler.joinable()) return;
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
  queued_jobs.notify();
  previewer.close();
  scheduler.join();
}

void Engine::Impl::submit(const StatePointer& job) {
  if (job->request.only_foreground) return previewer.submit(job);
  {
    const std::lock_guard lock(mutex);
    if (is_closing) throw engine_is_closed();
    // Room is reserved so that beginning a job cannot fail.
    const size_t jobs = running.size() + queue.size() + 1;
    if (running.capacity() < jobs) running.reserve(2 * jobs);
    queue.push_back(job);
  }
  wake.notify_all();
  queued_jobs.notify();
}

void Engine::Impl::tell(const std::string& line) {
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

void Engine::Impl::open_devices() {
  try {
    workers.get();
  } catch (const Error&) {  // the jobs report the error
  }
}

void Engine::Impl::begin_idle_time() {
  {
    const std::lock_guard lock(mutex);
    idle_since = Clock::now();
    is_idle_time_new = true;  // the scheduler is waiting for the time that was set before
  }
  wake.notify_all();
}

Engine::Engine(const EngineOptions& options) {
  require_threads("Relievo");
  policy_of(options.policy);
  strategy_of(options.strategy);
  choose_allocator(options.allocator, policy_of(options.policy));
  check_range("threads", options.threads, kThreadsRange);
  check_idle_seconds(options.idle_seconds);
  use_threads();
  impl_ = std::make_unique<Impl>(options);
}

Engine::~Engine() {
  if (has_lost_threads())
    static_cast<void>(impl_.release());  // its threads cannot be joined, so the object is leaked
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
  complete_request(request);
  // In a process that was forked off, the threads are missing that this would wait for, so the object is
  // leaked.
  const std::shared_ptr<Job::State> state(new Job::State(std::move(request)), [](Job::State* job) {
    if (!has_lost_threads()) delete job;
  });
  engine.submit(state);
  return Job(state);
}

std::vector<std::string> Engine::workers() const {
  Impl& engine = impl();
  std::vector<std::string> names;
  for (const Worker& worker : engine.workers.get()) names.push_back(worker.name);
  return names;
}

PlanReport Engine::plan(const Settings& settings, int pictures) const {
  Impl& engine = impl();
  validate(settings);
  check_range("pictures", pictures, kPlannedPicturesRange);
  return engine.explain(settings, pictures);
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
  engine.queued_jobs.notify();
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

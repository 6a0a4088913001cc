// The parts of an Engine: its queue, and the scheduler that plans and starts runs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "engine/job_run.h"
#include "engine/open_workers.h"
#include "engine/pipeline.h"
#include "engine/previewer.h"
#include "runtime/execute/execute.h"

namespace relievo {

/// The machine as workers, found when it is first asked for, with the memory that is free then.
class Engine::Workers {
 public:
  explicit Workers(const EngineOptions& options) : options_(options) {}

  /// Throws Error{kInvalidSettings} for devices that are not there.
  std::vector<Worker> get() {
    const std::lock_guard lock(mutex_);
    if (opened_.workers.empty()) opened_ = open_workers(options_);
    return opened_.workers;
  }

  /// Sentences that say which devices are not among the workers, and why.
  std::vector<std::string> left_out() {
    const std::lock_guard lock(mutex_);
    return opened_.left_out;
  }

  /// Warns of devices that are not among the workers, of each once.
  void warn() {
    for (const std::string& sentence : left_out()) {
      if (warned_.insert(sentence).second) log(LogLevel::kWarning, sentence);
    }
  }

  /// Says how torch's allocator of GPUs is set and why; empty without a GPU.
  std::string allocator() {
    const std::lock_guard lock(mutex_);
    return opened_.allocator;
  }

  /// Forgets the workers, because free memory has changed, or devices have come and gone.
  void look_anew() {
    const std::lock_guard lock(mutex_);
    opened_ = {};
  }

 private:
  const EngineOptions& options_;
  std::mutex mutex_;
  OpenedWorkers opened_;
  std::set<std::string> warned_;  // only of the scheduler's thread
};

/// A plan, and what it was made for.
struct Planned {
  std::vector<Worker> workers;  ///< with measured speeds
  std::vector<StageProfile> profiles;
  PlanOptions options;
  Plan plan;
};

/// What a run has done so far, for its reports; the scheduler's thread begins it, finished jobs add to it one
/// at a time.
struct RunTally {
  Planned planned;
  std::string size;  ///< settings, as samples name them
  std::chrono::steady_clock::time_point begun;
  double computed = 0;  ///< seconds that the fastest device would have taken for what all have computed
};

/// Returns whether workers share a picture in any group of the plan.
bool shares_pictures(const Plan& plan);

/// Returns whether a plan for many more pictures would divide the work in another way.
bool is_better_planned_for_more(const Planned& planned);

/// The bytes that decoding the job's picture takes besides the picture itself; its header is read once.
int64_t decoding_bytes_of(Job::State& job);

/// A sentence about the memory for decoding, where it is worth one; else empty.
std::string decoding_sentence(const DecodingCost& cost);

/// The source of a run's pictures: jobs of the queue whose stages cost the same and hold the same weights.
class Engine::QueuedJobs : public JobSource {
 public:
  explicit QueuedJobs(Impl& engine) : engine_(engine) {}

  /// Serves jobs with these settings from now on, whose pictures take at most `decoding_bytes` to decode:
  /// only until so many wait that are better planned anew.
  void serve(const Settings& settings, int64_t decoding_bytes, int too_many);
  int count(const Settings& settings) const;  ///< number of jobs that wait

  std::vector<RunJob> next(int most) override;
  void done(uint64_t number, Outcome outcome) override;

  bool has_begun() const { return has_begun_; }  ///< whether any job was given since serve()
  /// Ends the jobs that were given and are not done, with the exception that is being handled in a catch
  /// block.
  void end_all_begun();

 private:
  int count_waiting(const Settings& settings) const;  ///< is called with the lock held
  /// Measures the jobs at the front of the queue. Must not be called with the lock held, because it reads
  /// files.
  void measure_decoding(int most);

  Impl& engine_;
  Settings settings_;
  int64_t decoding_bytes_ = 0;
  int too_many_ = 0;
  bool has_begun_ = false;
};

struct Engine::Impl {
  using Clock = std::chrono::steady_clock;

  explicit Impl(const EngineOptions& given);
  ~Impl() { close(); }

  void close();
  void submit(const StatePointer& job);  ///< throws Error{kInvalidSettings} after close()

  /// Says what would be done with so many pictures and what would not.
  PlanReport explain(const Settings& settings, int pictures);

  // These belong to the scheduler, which plans and starts runs. The pictures are made on the workers' own
  // threads.

  void work();
  /// Makes `first` and all jobs after it in the queue that can be made with the same plan. Throws when none
  /// of them was begun.
  void run(const StatePointer& first);
  void finish(Job::State& job, const Outcome& outcome);
  /// Adds what the stages took to the store of costs, and what several devices were worth to the result.
  void account_for(const Outcome& outcome, GenerateResult& result);
  /// A line on the state of each device that computes.
  std::vector<std::string> device_lines();
  /// Makes stages and executor for another configuration; the weights of the one before are unloaded.
  void use_pipeline(const PipelineConfig& wanted);
  void take_out(const StatePointer& job);

  /// Gives a log line to the job that it is about, or else to all that run.
  void tell(const std::string& line);

  /// Prepares the stages for so many pictures with these settings, of which none takes more than so many
  /// bytes to decode, and plans. The plan keeps all workers busy when more pictures come, unless workers
  /// share a single picture.
  /// `with` has the workers' memory as it is now; without it they have what was free when they were found.
  Planned plan_for(const std::vector<std::shared_ptr<PipelineStage>>& stages_planned,
                   const Settings& settings, int pictures, int64_t decoding_bytes = 0,
                   const Executor* with = nullptr);

  // This is for the previewer, on its thread.

  /// Opens libtorch_cuda, which torch must know of before its first convolution.
  void open_devices();
  void begin_idle_time();

  const EngineOptions options;
  const std::filesystem::path models;
  Workers workers;
  const CancelToken closing;
  const std::shared_ptr<CostStore> costs = std::make_shared<CostStore>();
  // These belong to the scheduler.
  PipelineConfig config;
  std::vector<std::shared_ptr<PipelineStage>> stages;
  std::unique_ptr<Executor> executor;
  RunTally tally;

  std::mutex closing_once;  // taken by close()
  mutable std::mutex mutex;
  std::condition_variable wake;
  // These are guarded by `mutex`.
  std::deque<StatePointer> queue;
  std::vector<StatePointer> running;
  double idle_seconds;
  Clock::time_point idle_since = Clock::now();
  bool is_idle_time_new = false;
  bool is_loaded = false;
  bool is_paused = false;
  bool wants_unload = false;
  bool is_closing = false;
  QueuedJobs queued_jobs{*this};
  // These come last, because they use the others.
  Previewer previewer;
  std::thread scheduler;
};

}  // namespace relievo

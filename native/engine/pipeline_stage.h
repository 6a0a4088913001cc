// The base of the pipeline's stages: a stage of the runtime that works on pictures of jobs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "engine/picture_work.h"
#include "nn/exchange.h"
#include "nn/execution.h"
#include "nn/streamed_weights.h"
#include "runtime/costs/stage.h"

namespace relievo {

/// The object that a stage holds in each worker. Any thread may use it.
template <typename T>
class ByWorker {
 public:
  void set(const Worker& worker, std::shared_ptr<T> value) {
    const std::lock_guard lock(mutex_);
    values_[worker.name] = std::move(value);
  }
  void erase(const Worker& worker) {
    const std::lock_guard lock(mutex_);
    values_.erase(worker.name);
  }
  std::shared_ptr<T> get(const Worker& worker) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(worker.name);
    return found == values_.end() ? nullptr : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<T>> values_;
};

/// The job whose picture this thread works on; null between pictures.
const JobContext* current_job();

at::Device device_of(const Worker& worker);
at::ScalarType dtype_of(const std::string& precision);  ///< `fp32`, `bf16`, `fp16`

/// The execution for loading weights.
Execution execution_for(const Worker& worker, const std::string& precision = "fp32");
/// For a load; on a GPU its weights wait in `waiting` where it says that they wait or are streamed, and else
/// nothing does.
Execution execution_for(const StageLoad& load, const std::shared_ptr<WaitingWeights>& waiting);

class PipelineStage : public Stage {
 public:
  /// `shown` is the stage's name in a job's status and reports.
  PipelineStage(std::string name, std::string shown) : name_(std::move(name)), shown_(std::move(shown)) {}

  const std::string& name() const { return name_; }
  const std::string& shown() const { return shown_; }

  /// Sets the costs with these settings on workers of these kinds, fitted to those samples that are of this
  /// stage (their `size` is settings as JSON), and for side threads to those of one thread of the processor.
  /// May be called between runs only. `decoding_bytes` is the most memory that decoding the picture takes
  /// beside the picture itself.
  void prepare(const Settings& settings, const std::vector<Worker>& workers,
               const std::vector<CostSample>& samples = {}, const std::vector<CostSample>& of_one_thread = {},
               int64_t decoding_bytes = 0);
  const StageProfile& profile() const final { return profile_; }

  /// Limits the pictures at a time, until the stage is prepared again.
  void limit_batch(int most) {
    profile_.max_batch = most;
    for (StageProfile& other : profile_.in_other_precisions) other.max_batch = most;
  }

  /// Sets the stage's part of a job's progress.
  void set_share(double from, double to) {
    from_ = from;
    to_ = to;
  }

  void load(const StageLoad& /*load*/) override {}
  void unload(const Worker& /*worker*/) override {}

  /// Works on all pictures that have no error. An error of a picture, its own cancellation included, goes
  /// into its work; an error of the worker is thrown.
  std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) final;

 protected:
  int64_t decoding_bytes() const { return decoding_bytes_; }

  /// The costs as formulas of the settings estimate them.
  virtual StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const = 0;

  /// Makes one picture. `execution` is that of the first worker, with the picture's own control.
  virtual PictureWork make(PictureWork work, const StageCall& call, const Execution& execution) = 0;

  /// Makes several pictures at once. By default they are made one after the other by make().
  virtual std::vector<PictureWork> make_all(std::vector<PictureWork> works, const StageCall& call);

  /// The execution for a picture of the call on its k-th worker.
  Execution execution(const StageCall& call, size_t k, const Control& control) const;
  /// The picture's own control, over this stage's part of its progress.
  Control control_of(const PictureWork& work) const;

 private:
  /// The samples of this stage as points to which the profile is fitted.
  std::vector<CostPoint> points_of(const std::vector<CostSample>& samples, const Settings& settings,
                                   const std::vector<Worker>& workers) const;
  /// Sets the seconds of side threads by a profile that was fitted to what one thread takes.
  static void set_side_seconds(StageProfile& profile, const StageProfile& of_one_thread,
                               const Worker& worker);

  std::string name_, shown_;
  StageProfile profile_;
  double from_ = 0, to_ = 1;
  int64_t decoding_bytes_ = 0;
};

/// Bytes of the module's parameters that are still in the file they were loaded from (nn/tensors.h): they are
/// resident, though no allocator allocated them.
int64_t mapped_bytes(const torch::nn::Module& module);

double element_bytes(const std::string& precision);

/// Seconds of so many operations on a worker of speed 1 (runtime/machine/workers.h).
double seconds_of(double operations, const std::string& precision);

/// Seconds in which a GPU is given one operator, whatever it computes.
inline constexpr double kLaunchSeconds = 5e-6;

/// Makes the profile of a network: its modes in the precision that is asked for, or else (auto) in the one
/// that the first worker is fast in, and beside them in those of the other workers. Where a precision is
/// fp32, the last of its modes in half precision is a fallback that changes the result. `modes(precision)`
/// gives the modes in one precision, the exact ones, streamed ones last; `complete` sets what they have in
/// common and what only the whole list tells.
StageProfile network_profile(const Settings& settings, const std::string& stage,
                             const std::vector<Worker>& workers,
                             const std::function<std::vector<StageMode>(const std::string&)>& modes,
                             const std::function<void(StageProfile&)>& complete);

/// Has the streamed weights of a call's workers come in on their second threads, as long as it lives.
class Streaming {
 public:
  /// `weights[k]` are those of worker k, or null.
  Streaming(const StageCall& call, std::vector<std::shared_ptr<StreamedWeights>> weights);
  ~Streaming();
  Streaming(const Streaming&) = delete;
  Streaming& operator=(const Streaming&) = delete;

 private:
  std::vector<std::shared_ptr<StreamedWeights>> weights_;
};

/// Makes StageCall::on_worker and on_every_worker run without gradients on the workers' threads.
std::function<void(size_t, const std::function<void()>&)> on_worker_of(const StageCall& call);
std::function<void(const std::function<void(size_t)>&)> on_every_worker_of(const StageCall& call);
RunTogether run_together_of(const StageCall& call);

}  // namespace relievo

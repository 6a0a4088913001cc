// What the pipeline's stages have in common: a stage of the runtime that works on pictures of jobs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "engine/picture_work.h"
#include "nn/execution.h"
#include "runtime/costs/stage.h"

namespace relievo {

/// What a stage holds in each worker. Any thread may use it.
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

/// For loading weights.
Execution execution_for(const Worker& worker, const std::string& precision = "fp32");

class PipelineStage : public Stage {
 public:
  /// `shown`: the stage's name in a job's status and reports.
  PipelineStage(std::string name, std::string shown) : name_(std::move(name)), shown_(std::move(shown)) {}

  const std::string& name() const { return name_; }
  const std::string& shown() const { return shown_; }

  /// What it costs with these settings on workers of these kinds, bent to the samples of it that are among
  /// these (their `size` is settings as JSON); between runs only. `decoding_bytes`: what decoding the picture
  /// takes at most beside the picture itself.
  void prepare(const Settings& settings, const std::vector<Worker>& workers,
               const std::vector<CostSample>& samples = {}, int64_t decoding_bytes = 0);
  const StageProfile& profile() const final { return profile_; }

  /// The most pictures at a time, until it is prepared again.
  void limit_batch(int most) { profile_.max_batch = most; }

  /// Its part of a job's progress.
  void set_share(double from, double to) {
    from_ = from;
    to_ = to;
  }

  void load(const StageLoad& /*load*/) override {}
  void unload(const Worker& /*worker*/) override {}

  /// Works on all pictures that have no error. What is wrong with a picture, its own cancel included, goes
  /// into its work; what is wrong with the worker is thrown.
  std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) final;

 protected:
  int64_t decoding_bytes() const { return decoding_bytes_; }

  /// Estimated: formulas of the settings.
  virtual StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const = 0;

  /// One picture. `execution` is that of the first worker, with the picture's own control.
  virtual PictureWork make(PictureWork work, const StageCall& call, const Execution& execution) = 0;

  /// Several at once; those that want it override it. Default: make() one after the other.
  virtual std::vector<PictureWork> make_all(std::vector<PictureWork> works, const StageCall& call);

  /// Where and how to compute for a picture of the call, on its k-th worker.
  Execution execution(const StageCall& call, size_t k, const Control& control) const;
  /// The picture's own, over this stage's part of its progress.
  Control control_of(const PictureWork& work) const;

 private:
  std::string name_, shown_;
  StageProfile profile_;
  double from_ = 0, to_ = 1;
  int64_t decoding_bytes_ = 0;
};

/// Bytes of the module's parameters that are still in the file they were loaded from (nn/tensors.h): they are
/// resident, though no allocator gave them.
int64_t mapped_bytes(const torch::nn::Module& module);

/// The precision of a stage of a network on these workers: what is asked for, or (auto) half where all of
/// them compute fast in it.
std::string precision_of(const Settings& settings, const std::string& stage,
                         const std::vector<Worker>& workers);

/// Pictures that a stage takes at a time. Only the diffusion computes them together; the others take one
/// after the other, so that batches pass through the whole pipeline.
inline constexpr int kMaxBatch = 4;

double element_bytes(const std::string& precision);

/// Seconds of so many operations on a worker of speed 1 (runtime/machine/workers.h).
double seconds_of(double operations, const std::string& precision);

/// The profile of a network: its modes in the precision of `stage` and, where that is fp32, the last of them
/// in half precision as a fallback that changes the result. `modes(precision)` gives the modes in one
/// precision.
StageProfile network_profile(const Settings& settings, const std::string& stage,
                             const std::vector<Worker>& workers,
                             const std::function<std::vector<StageMode>(const std::string&)>& modes);

/// StageCall::on_worker and on_every_worker, without gradients on the workers' threads.
std::function<void(size_t, const std::function<void()>&)> on_worker_of(const StageCall& call);
std::function<void(const std::function<void(size_t)>&)> on_every_worker_of(const StageCall& call);

}  // namespace relievo

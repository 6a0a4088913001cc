// Stages of the pipeline, typed by their input and output, which are forms that a picture takes
// (engine/picture_work.h).
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "engine/pipeline_stage.h"

namespace relievo {

/// A stage that makes an `Output` of each picture's `Input`, of one picture after the other.
template <typename Input, typename Output>
class StageOf : public PipelineStage {
 public:
  using PipelineStage::PipelineStage;

 protected:
  /// Makes the output. `work` is the picture's, for its job and its notes. `execution` is that of the first
  /// worker, with the picture's own control.
  virtual Output output_of(Input input, PictureWork& work, const StageCall& call,
                           const Execution& execution) = 0;

  PictureWork make(PictureWork work, const StageCall& call, const Execution& execution) final {
    Input input = std::move(std::get<Input>(work.made));
    work.made = output_of(std::move(input), work, call, execution);
    return work;
  }
};

/// A stage that makes the outputs of several pictures together; workers that share pictures take one after
/// the other (PictureParts).
template <typename Input, typename Output>
class BatchStageOf : public PipelineStage {
 public:
  using PipelineStage::PipelineStage;

 protected:
  struct Batch {
    std::vector<const Input*> inputs;
    std::vector<const JobContext*> jobs;
    std::vector<CancelToken> cancels;  ///< of the jobs
  };

  /// Makes an output for each picture, or nothing where it was cancelled meanwhile. Throws Error{kCancelled}
  /// where all were. `execution` is that of the first worker, its progress that of all jobs.
  virtual std::vector<std::optional<Output>> outputs_of(const Batch& batch, const StageCall& call,
                                                        const Execution& execution) = 0;

  /// Only pictures that are alike in this are made together.
  virtual int64_t size_of(const Input& /*input*/) const { return 0; }

  PictureWork make(PictureWork work, const StageCall& call, const Execution&) final {
    std::vector<PictureWork> works{std::move(work)};
    return std::move(make_all(std::move(works), call).front());
  }

  std::vector<PictureWork> make_all(std::vector<PictureWork> works, const StageCall& call) final {
    std::map<int64_t, std::vector<PictureWork*>> alike;
    for (PictureWork& work : works) alike[size_of(std::get<Input>(work.made))].push_back(&work);
    const bool are_shared = call.workers.size() > 1 && call.blocks.empty();
    for (const auto& [size, some] : alike) {
      if (!are_shared) {
        make_together(some, call);
        continue;
      }
      for (PictureWork* one : some) make_together({one}, call);
    }
    return works;
  }

 private:
  void make_together(const std::vector<PictureWork*>& works, const StageCall& call) {
    Batch batch;
    std::vector<Control> own;
    for (const PictureWork* work : works) {
      batch.inputs.push_back(&std::get<Input>(work->made));
      batch.jobs.push_back(work->job.get());
      batch.cancels.push_back(work->job->cancel);
      own.push_back(control_of(*work));
    }
    const Progress progress([&own](double fraction) {
      for (const Control& one : own) {
        if (!one.cancel.cancelled()) one.progress.report(fraction);
      }
    });
    std::vector<std::optional<Output>> outputs(works.size());
    try {
      outputs = outputs_of(batch, call, execution(call, 0, {progress, CancelToken()}));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
    }
    for (size_t i = 0; i < works.size(); ++i) {
      if (outputs[i]) {
        works[i]->made = std::move(*outputs[i]);
      } else {
        works[i]->error = Error(ErrorCode::kCancelled, "Cancelled.");
      }
    }
  }
};

}  // namespace relievo

// A stage of the pipeline, typed by its input and output.
#pragma once

#include <utility>
#include <variant>

#include "engine/pipeline_stage.h"

namespace relievo {

/// A stage that makes an `Output` of each picture's `Input`, both of which are forms that a picture takes
/// (engine/picture_work.h).
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

}  // namespace relievo

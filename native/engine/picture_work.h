// What a picture has become on its way through the stages: what each of them takes and gives.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/control.h"
#include "engine/engine.h"
#include "nn/field.h"
#include "nn/views.h"

namespace relievo {

struct Conditions;  // multiview/multiview.h

/// The job that a picture belongs to, as its stages see it. Callbacks come from a worker's thread, one at a
/// time.
struct JobContext {
  const GenerateRequest* request = nullptr;
  CancelToken cancel;
  std::function<void(const std::string& stage)> on_stage = [](const std::string&) {};
  std::function<void(double fraction)> on_progress = [](double) {};  ///< of the whole job
  std::function<void(const std::string& name, const Image&)> on_picture = [](const std::string&,
                                                                             const Image&) {};
  std::function<void(const std::string& line)> on_log = [](const std::string&) {};

  const Settings& settings() const { return request->settings; }
};

/// As the request has it.
struct GivenPicture {};

/// With its subject cut out.
struct CutPicture {
  std::string checksum;  ///< of the picture (engine/picture_checksum.h)
  std::shared_ptr<const Foreground> foreground;
};

/// With what the denoiser is given.
struct ConditionedPicture {
  CutPicture cut;
  std::shared_ptr<const Conditions> conditions;
};

/// With the latents of its views.
struct DenoisedPicture {
  CutPicture cut;
  at::Tensor latents;  ///< [1, 4, h, w] float32, on the CPU
};

/// With its views.
struct ViewedPicture {
  CutPicture cut;
  std::shared_ptr<const Views> views;  ///< on the CPU
};

/// The planes of a reconstruction model.
struct Triplane {
  at::Tensor planes;  ///< [3, C, R, R] float32, on the CPU
  /// The same in workers where they were asked, by the workers' names, so that they are copied there once.
  std::map<std::string, at::Tensor> in_workers = {};
};

/// What a model made of a picture: the field itself, on the CPU, or planes that a model's heads make one of
/// (engine/field_source.h).
using Shape = std::variant<std::shared_ptr<const Field>, Triplane>;

/// With the shape that it was reconstructed to.
struct ShapedPicture {
  CutPicture cut;
  std::shared_ptr<const Views> views;  ///< that the model saw; null where it saw the foreground itself
  Shape shape;
};

/// With the surface of its shape.
struct MeshedPicture {
  ShapedPicture shaped;
  std::shared_ptr<const Surface> surface;  ///< as it will be textured
  std::shared_ptr<const Surface> detail;   ///< before simplification; null unless a normal map is wanted
};

/// Made; what led to it is not needed any more.
using FinishedPicture = std::shared_ptr<GenerateResult>;

/// Handed from stage to stage. A copy is cheap, for what it points to is never changed: a stage that fails is
/// given the same again.
struct PictureWork {
  std::shared_ptr<const JobContext> job;
  std::optional<Error> error = {};      ///< the picture's own; the stages after leave it alone
  std::vector<std::string> notes = {};  ///< what the person should know of the result
  std::variant<GivenPicture, CutPicture, ConditionedPicture, DenoisedPicture, ViewedPicture, ShapedPicture,
               MeshedPicture, FinishedPicture>
      made = {};

  /// For the person, now and with the result.
  void note(const std::string& text) {
    notes.push_back(text);
    job->on_log(text);
  }
};

}  // namespace relievo

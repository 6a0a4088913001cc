// The forms that a picture takes on its way through the stages, each the input or output of a stage.
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
  /// Is given the share of the whole job that is done.
  std::function<void(double fraction)> on_progress = [](double) {};
  std::function<void(const std::string& name, const Image&)> on_picture = [](const std::string&,
                                                                             const Image&) {};
  std::function<void(const std::string& line)> on_log = [](const std::string&) {};
  std::function<void(const std::string& note)> on_note = [](const std::string&) {};

  const Settings& settings() const { return request->settings; }
};

/// The picture as the request has it.
struct GivenPicture {};

/// One of the person's own views, or of the figures of a sheet, with its subject cut out.
struct CutView {
  OwnView view;
  std::shared_ptr<const Foreground> foreground;
  int width = 0, height = 0;  ///< of the view's picture, whose pixels the crop counts in
};

/// The picture with its subject cut out.
struct CutPicture {
  /// Checksum of the picture (engine/picture_checksum.h).
  std::string checksum;
  std::shared_ptr<const Foreground> foreground;
  /// The person's own views that have cameras of their own, in their order; with `preview` the front, too,
  /// where the picture shows it.
  std::vector<CutView> own_views = {};
};

/// The picture with the conditions of the denoiser.
struct ConditionedPicture {
  CutPicture cut;
  std::shared_ptr<const Conditions> conditions;
};

/// The picture with the latents of its views.
struct DenoisedPicture {
  CutPicture cut;
  at::Tensor latents;  ///< [1, 4, h, w] float32, on the CPU
};

/// The picture with its views.
struct ViewedPicture {
  CutPicture cut;
  std::shared_ptr<const Views> views;  ///< on the CPU
};

/// The planes that a reconstruction model made.
struct Triplane {
  at::Tensor planes;  ///< [3, C, R, R] float32, on the CPU
  /// Copies of the planes in the workers that evaluated them, by the workers' names, so that each is copied
  /// once.
  std::map<std::string, at::Tensor> in_workers = {};
};

/// The output of a model: the field itself, on the CPU, or planes that a model's heads turn into one
/// (engine/field_source.h).
using Shape = std::variant<std::shared_ptr<const Field>, Triplane>;

/// The picture with the shape that was reconstructed from it.
struct ShapedPicture {
  CutPicture cut;
  /// The views that the model saw; null where it saw the foreground itself.
  std::shared_ptr<const Views> views;
  Shape shape;
  /// Radians by which the camera stood above the object's horizon, which the mesh is turned by to stand
  /// upright.
  float elevation = 0;
};

/// The picture with the surface of its shape as it was meshed.
struct MeshedPicture {
  ShapedPicture shaped;
  std::shared_ptr<const Surface> surface;
};

/// The picture with its surface cleaned and simplified.
struct CleanedPicture {
  ShapedPicture shaped;
  std::shared_ptr<const Surface> surface;  ///< the surface that will be textured
  /// The surface before simplification; null unless a normal map is wanted.
  std::shared_ptr<const Surface> detail;
};

/// The finished result; everything that led to it has been dropped.
using FinishedPicture = std::shared_ptr<GenerateResult>;

/// A picture on its way from stage to stage. Copies are cheap, because what they point to is never changed: a
/// stage that fails gets the same input again.
struct PictureWork {
  std::shared_ptr<const JobContext> job;
  /// The picture's own error; later stages pass such a picture on.
  std::optional<Error> error = {};
  /// Sentences that the person should know about the result.
  std::vector<std::string> notes = {};
  std::variant<GivenPicture, CutPicture, ConditionedPicture, DenoisedPicture, ViewedPicture, ShapedPicture,
               MeshedPicture, CleanedPicture, FinishedPicture>
      made = {};

  /// Adds a sentence for the person, who reads it now and with the result.
  void note(const std::string& text) {
    notes.push_back(text);
    job->on_log(text);
    job->on_note(text);
  }
};

}  // namespace relievo

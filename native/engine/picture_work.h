// What a picture has become on its way through the stages.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/control.h"
#include "engine/engine.h"
#include "nn/field.h"
#include "nn/views.h"

namespace relievo {

struct Conditions;  // multiview/multiview.h

/// The job that a picture belongs to, as its stages see it. Callbacks come from a slot's thread, one at a
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

/// Handed from stage to stage. A copy is cheap, for what it points to is never changed: a stage that fails is
/// given the same again.
struct PictureWork {
  std::shared_ptr<const JobContext> job;
  std::optional<Error> error;      ///< the picture's own; the stages after leave it alone
  std::vector<std::string> notes;  ///< what the person should know of the result; a stage logs what it adds
  std::string checksum;            ///< of the picture (engine/picture_checksum.h)

  std::shared_ptr<const Foreground> foreground;
  std::shared_ptr<const Conditions> conditions;
  at::Tensor latents;                      ///< [1, 4, h, w] float32, on the CPU
  std::shared_ptr<const Views> views;      ///< on the CPU
  at::Tensor planes;                       ///< [3, C, R, R] float32, on the CPU
  std::shared_ptr<const Field> field;      ///< of `preview`: on the CPU
  std::shared_ptr<const Surface> surface;  ///< as it will be textured
  std::shared_ptr<const Surface> detail;   ///< before simplification; null unless a normal map is wanted
  std::shared_ptr<GenerateResult> result;  ///< after the last stage
};

}  // namespace relievo

// The multi-view and a reconstruction model with random weights, made on the spot in the published layout,
// for checks and benchmarks of the whole pipeline where the published weights are not at hand.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "engine/field_source.h"
#include "verify/model_size.h"

namespace relievo {

/// The reconstruction model that is written.
inline constexpr const char* kRandomModel = "instant-mesh-large";

/// The bytes on disk that write_random_models() takes at most.
int64_t random_models_bytes(ModelSize size);

/// Writes both models into folders of `folder` that are named as the catalogue names them. The text tower,
/// which is asked for one prompt and then not needed, has one narrow layer in either size. Throws Error{kIo},
/// before anything is written where the disk has not enough room.
void write_random_models(const std::filesystem::path& folder, ModelSize size);

/// As long as it lives, the models of this process are those in `folder`, and their signed distance is that
/// of an ellipsoid with a share of the head's (verify/shaped_field.h). It changes the environment and what
/// every job of the process makes: only for a process that makes nothing else.
class WithRandomModels {
 public:
  explicit WithRandomModels(const std::filesystem::path& folder);
  ~WithRandomModels();
  WithRandomModels(const WithRandomModels&) = delete;
  WithRandomModels& operator=(const WithRandomModels&) = delete;

 private:
  MakeMeshField published_;
  std::optional<std::string> models_before_;
};

/// Signed distances of mesh models are from now on those of an ellipsoid and a share of the heads'.
void mesh_an_ellipsoid();

}  // namespace relievo

// One generation, stage by stage.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/control.h"
#include "base/image.h"
#include "engine/engine.h"

namespace relievo {

/// The models that generations share. Used by one thread at a time.
class Models {
 public:
  explicit Models(std::filesystem::path folder);
  ~Models();

  struct Loaded;
  Loaded& loaded();  ///< loads what is not there yet
  void unload();
  bool is_loaded() const { return loaded_ != nullptr; }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Loaded> loaded_;
};

/// The folder of the embedded models: `given` when it is not empty, else beside the program or in its source
/// tree.
std::filesystem::path find_models(const std::filesystem::path& given);

/// Throws Error{kInvalidSettings} or Error{kModelMissing} for a request that cannot be run.
void check_request(const GenerateRequest& request);

/// Who follows a run; both are called on its thread.
struct Follower {
  std::function<void(const std::string& stage)> on_stage;  ///< as each stage begins
  std::function<void(const std::string& name, const Image&)> on_picture;
};

/// The first stage alone: reads or decodes the picture and cuts the subject out.
Foreground find_foreground(const GenerateRequest& request, Models& models, const Control& control);

/// Runs all stages on the calling thread.
GenerateResult run_pipeline(const GenerateRequest& request, Models& models, const Control& control,
                            const Follower& follower);

}  // namespace relievo

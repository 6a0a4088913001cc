// One generation, stage by stage.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/control.h"
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

 private:
  std::filesystem::path folder_;
  std::unique_ptr<Loaded> loaded_;
};

/// The folder of the embedded models: `given` when it is not empty, else beside the program or in its source
/// tree.
std::filesystem::path find_models(const std::filesystem::path& given);

/// Throws Error{kInvalidSettings} or Error{kModelMissing} for a request that cannot be run.
void check_request(const GenerateRequest& request);

/// Runs all stages on the calling thread. `on_stage` is told each stage's name as it begins.
GenerateResult run_pipeline(const GenerateRequest& request, Models& models, const Control& control,
                            const std::function<void(const std::string&)>& on_stage);

}  // namespace relievo

// What of a batch is finished: a file in the output folder, so that a batch that was killed goes on.
#pragma once

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/generate.h"

namespace relievo {

/// `DIR/relievo-batch.json`, written anew after each picture, whole or not at all. The Blender command keeps
/// the same file (addon/batch.py).
class BatchState {
 public:
  /// Makes the folder. Reads what is there; a file that cannot be read counts as none. `empty`: starts anew.
  /// Throws Error{kIo}.
  BatchState(const std::filesystem::path& folder, bool empty);

  /// The answer that was given when it was made, with `skipped`; null when it has to be made: never made,
  /// made of another picture or with other settings, or a file is missing.
  nlohmann::json finished(const PictureTask& task, const GenerateOptions& options) const;
  void finish(const PictureTask& task, const GenerateOptions& options, nlohmann::json answer,
              const std::vector<std::filesystem::path>& files);

 private:
  std::filesystem::path folder_;
  nlohmann::json finished_ = nlohmann::json::object();  // by name
};

}  // namespace relievo

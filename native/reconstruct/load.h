// The published reconstruction checkpoints, whole or in parts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "nn/execution.h"
#include "reconstruct/lrm.h"

namespace relievo {

/// A checkpoint on this machine: names with the prefix `lrm_generator.`, others are skipped.
class LrmFile {
 public:
  /// `name`: of the catalogue, instant-mesh-large and so on. Of another architecture is a checkpoint with a
  /// config.json beside it, under the keys of InstantMesh's own (`params`: transformer_dim, ...) and of the
  /// encoder (`dino`: hidden, heads, layers, patch, image). Throws Error{kModelMissing, kModelCorrupt}.
  LrmFile(const std::string& name, std::filesystem::path path);

  const LrmConfig& config() const { return config_; }

  // Into an Execution's device and precision; throw Error{kIo, kModelCorrupt, kModelMismatch}.
  std::shared_ptr<const Lrm> whole(const Execution& execution) const;
  /// The blocks first .. last - 1 of Lrm::blocks(config()); the heads alone with 0, 0, kYes (in float32).
  std::shared_ptr<const Lrm> part(int first_block, int last_block, LrmHeads heads,
                                  const Execution& execution) const;

 private:
  std::filesystem::path path_;
  LrmConfig config_;
};

}  // namespace relievo

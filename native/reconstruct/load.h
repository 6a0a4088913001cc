// The published reconstruction checkpoints, whole or in parts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "nn/execution.h"
#include "reconstruct/lrm.h"
#include "reconstruct/triposr.h"

namespace relievo {

/// A checkpoint on this machine: names with the prefix `lrm_generator.`, others are skipped.
class LrmFile {
 public:
  /// `name`: of the catalogue, instant-mesh-large and so on. Of another architecture is a checkpoint with a
  /// config.json beside it, under the keys of InstantMesh's own (`params`: transformer_dim, ...) and of the
  /// encoder (`dino`: hidden, heads, layers, patch, image). Throws Error{kModelMissing, kModelCorrupt}.
  LrmFile(const std::string& name, std::filesystem::path path);

  const LrmConfig& config() const { return config_; }
  int blocks() const { return Lrm::blocks(config_); }

  // Into an Execution's device and precision; throw Error{kIo, kModelCorrupt, kModelMismatch}.
  std::shared_ptr<const Lrm> whole(const Execution& execution) const;
  /// The blocks first .. last - 1 of Lrm::blocks(config()); the heads alone with 0, 0, kYes (in float32).
  std::shared_ptr<const Lrm> part(int first_block, int last_block, PlanesHeads heads,
                                  const Execution& execution) const;

 private:
  std::filesystem::path path_;
  LrmConfig config_;
};

/// TripoSR's published checkpoint: names without a prefix, every one of them the model's.
class TripoSrFile {
 public:
  /// Of another architecture is a checkpoint with a config.json beside it: the published config.yaml's keys
  /// (cond_image_size, tokenizer, backbone, post_processor, decoder) and, under `vit`, those of the encoder
  /// (hidden, heads, layers, patch, image). Throws Error{kModelCorrupt}.
  explicit TripoSrFile(std::filesystem::path path);

  const TripoSrConfig& config() const { return config_; }
  int blocks() const { return TripoSr::blocks(config_); }

  // As LrmFile's.
  std::shared_ptr<const TripoSr> whole(const Execution& execution) const;
  std::shared_ptr<const TripoSr> part(int first_block, int last_block, PlanesHeads heads,
                                      const Execution& execution) const;

 private:
  std::filesystem::path path_;
  TripoSrConfig config_;
};

/// The published configuration's keys (and `vit`), as in TripoSrFile's config.json. Throws what
/// nlohmann::json throws.
TripoSrConfig triposr_config(const nlohmann::json& published);

}  // namespace relievo

// Loads the published reconstruction checkpoints, whole or in parts.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "nn/execution.h"
#include "reconstruct/lrm.h"
#include "reconstruct/triposr.h"

namespace relievo {

/// A checkpoint on this machine. Names with the prefix `lrm_generator.` are read, others skipped.
class LrmFile {
 public:
  /// `name` is that of the catalogue, instant-mesh-large and so on. A checkpoint of another architecture has
  /// a config.json beside it, with the keys of InstantMesh's own (`params`: transformer_dim, ...) and of the
  /// encoder (`dino`: hidden, heads, layers, patch, image). Throws Error{kModelMissing, kModelCorrupt}.
  LrmFile(const std::string& name, std::filesystem::path path);

  const LrmConfig& config() const { return config_; }
  int blocks() const { return Lrm::blocks(config_); }

  // These load into an Execution's device and precision, and throw Error{kIo, kModelCorrupt, kModelMismatch}.
  std::shared_ptr<const Lrm> whole(const Execution& execution) const;
  /// The blocks first .. last - 1 of Lrm::blocks(config()); the heads alone with 0, 0, kYes (in float32).
  std::shared_ptr<const Lrm> part(int first_block, int last_block, PlanesHeads heads,
                                  const Execution& execution) const;

 private:
  std::filesystem::path path_;
  LrmConfig config_;
};

/// TripoSR's published checkpoint. Names have no prefix, and every one of them belongs to the model.
class TripoSrFile {
 public:
  /// A checkpoint of another architecture has a config.json beside it, with the published config.yaml's keys
  /// (cond_image_size, tokenizer, backbone, post_processor, decoder) and, under `vit`, those of the encoder
  /// (hidden, heads, layers, patch, image). Throws Error{kModelCorrupt}.
  explicit TripoSrFile(std::filesystem::path path);

  const TripoSrConfig& config() const { return config_; }
  int blocks() const { return TripoSr::blocks(config_); }

  // These work as LrmFile's do.
  std::shared_ptr<const TripoSr> whole(const Execution& execution) const;
  std::shared_ptr<const TripoSr> part(int first_block, int last_block, PlanesHeads heads,
                                      const Execution& execution) const;

 private:
  std::filesystem::path path_;
  TripoSrConfig config_;
};

// These read the keys that LrmFile and TripoSrFile say, and throw nlohmann::json's exceptions.

/// Reads `hidden`, `heads`, `layers`, `patch` and `image`.
ImageEncoderConfig encoder_config(const nlohmann::json& vit);
LrmConfig lrm_config(const nlohmann::json& published, LrmKind kind);
TripoSrConfig triposr_config(const nlohmann::json& published);

}  // namespace relievo

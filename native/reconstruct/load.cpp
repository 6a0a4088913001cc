#include "reconstruct/load.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "nn/tensors.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPrefix = "lrm_generator.";

LrmConfig config_of(const json& config, LrmKind kind) {
  const json& dino = config.at("dino");
  const json& params = config.at("params");
  LrmConfig lrm;
  lrm.kind = kind;
  lrm.encoder = {.width = dino.at("hidden"),
                 .heads = dino.at("heads"),
                 .layers = dino.at("layers"),
                 .mlp_width = 4 * dino.at("hidden").get<int64_t>(),
                 .patch = dino.at("patch"),
                 .image = dino.at("image")};
  lrm.transformer = {.width = params.at("transformer_dim"),
                     .heads = params.at("transformer_heads"),
                     .layers = params.at("transformer_layers"),
                     .condition_width = params.at("encoder_feat_dim"),
                     .low_resolution = params.at("triplane_low_res"),
                     .high_resolution = params.at("triplane_high_res"),
                     .channels = params.at("triplane_dim")};
  return lrm;
}

/// Refuses sizes that would divide by zero, or never end.
bool is_possible(const LrmConfig& config) {
  const auto is_size = [](int64_t size, int64_t most) { return size > 0 && size <= most; };
  const ImageEncoderConfig& encoder = config.encoder;
  const TriplaneTransformerConfig& transformer = config.transformer;
  return is_size(encoder.width, 1 << 16) && is_size(encoder.heads, encoder.width) &&
         encoder.width % encoder.heads == 0 && is_size(encoder.layers, 256) &&
         is_size(encoder.patch, encoder.image) && is_size(encoder.image, 4096) &&
         is_size(transformer.width, 1 << 16) && is_size(transformer.heads, transformer.width) &&
         transformer.width % transformer.heads == 0 && is_size(transformer.layers, 256) &&
         transformer.condition_width == encoder.width && is_size(transformer.low_resolution, 1024) &&
         is_size(transformer.channels, 1 << 16) &&
         transformer.high_resolution == 2 * transformer.low_resolution;
}

}  // namespace

LrmFile::LrmFile(const std::string& name, fs::path path)
    : path_(std::move(path)), config_(published_lrm(name)) {
  const fs::path beside = path_.parent_path() / "config.json";
  std::error_code error;
  if (!fs::is_regular_file(beside, error)) return;
  const auto corrupt = [&](const std::string& why) {
    return Error(ErrorCode::kModelCorrupt, fmt::format("'{}' cannot be used: {}.", beside.string(), why),
                 "The published checkpoints come without it: take it away, or mend it.");
  };
  try {
    const json config = read_json(beside);
    if (!config.is_object()) throw JsonError("it is not a JSON object");
    config_ = config_of(config, config_.kind);
  } catch (const JsonError& failure) {
    throw corrupt(failure.what());
  } catch (const json::exception& failure) {
    throw corrupt(failure.what());
  }
  if (!is_possible(config_)) throw corrupt("its sizes do not fit together");
}

std::shared_ptr<const Lrm> LrmFile::whole(const Execution& execution) const {
  return part(0, Lrm::blocks(config_), LrmHeads::kYes, execution);
}

std::shared_ptr<const Lrm> LrmFile::part(int first_block, int last_block, LrmHeads heads,
                                         const Execution& execution) const {
  auto part = std::make_shared<Lrm>(config_, first_block, last_block, heads);
  if (!part->parameters().empty()) {
    load_part(*part, Lrm(config_), read_weights(path_), kPrefix, execution);
  }
  return part;
}

}  // namespace relievo

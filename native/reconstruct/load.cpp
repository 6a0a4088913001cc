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

// Sizes are refused that would divide by zero, or that would never end.

bool is_size(int64_t size, int64_t most) { return size > 0 && size <= most; }

bool is_possible(const ImageEncoderConfig& encoder) {
  return is_size(encoder.width, 1 << 16) && is_size(encoder.heads, encoder.width) &&
         encoder.width % encoder.heads == 0 && is_size(encoder.layers, 256) &&
         is_size(encoder.patch, encoder.image) && is_size(encoder.image, 4096);
}

bool is_possible(const LrmConfig& config) {
  const TriplaneTransformerConfig& transformer = config.transformer;
  return is_possible(config.encoder) && is_size(transformer.width, 1 << 16) &&
         is_size(transformer.heads, transformer.width) && transformer.width % transformer.heads == 0 &&
         is_size(transformer.layers, 256) && transformer.condition_width == config.encoder.width &&
         is_size(transformer.low_resolution, 1024) && is_size(transformer.channels, 1 << 16) &&
         transformer.high_resolution == 2 * transformer.low_resolution;
}

bool is_possible(const TripoSrConfig& config) {
  const TripoSrTransformerConfig& transformer = config.transformer;
  return is_possible(config.encoder) && is_size(transformer.channels, 1 << 16) &&
         is_size(transformer.groups, transformer.channels) &&
         transformer.channels % transformer.groups == 0 && is_size(transformer.heads, 1 << 10) &&
         is_size(transformer.head_width, 1 << 10) && is_size(transformer.layers, 256) &&
         transformer.condition_width == config.encoder.width && is_size(transformer.plane_side, 1024) &&
         is_size(transformer.plane_channels, 1 << 16) && is_size(config.head_width, 1 << 16) &&
         is_size(config.head_layers, 256) && is_size(config.picture_side, 4096) &&
         config.picture_side % config.encoder.patch == 0;
}

/// Changes `config` by the config.json beside a checkpoint, where there is one.
template <typename Config, typename Read>
Config config_beside(const fs::path& checkpoint, Config published, const Read& read) {
  const fs::path beside = checkpoint.parent_path() / "config.json";
  std::error_code error;
  if (!fs::is_regular_file(beside, error)) return published;
  const auto corrupt = [&](const std::string& why) {
    return Error(ErrorCode::kModelCorrupt, fmt::format("'{}' cannot be used: {}.", beside.string(), why),
                 "The published checkpoints come without it: take it away, or mend it.");
  };
  Config config;
  try {
    const json text = read_json(beside);
    if (!text.is_object()) throw JsonError("it is not a JSON object");
    config = read(text);
  } catch (const JsonError& failure) {
    throw corrupt(failure.what());
  } catch (const json::exception& failure) {
    throw corrupt(failure.what());
  }
  if (!is_possible(config)) throw corrupt("its sizes do not fit together");
  return config;
}

}  // namespace

ImageEncoderConfig encoder_config(const json& vit) {
  return {.width = vit.at("hidden"),
          .heads = vit.at("heads"),
          .layers = vit.at("layers"),
          .mlp_width = 4 * vit.at("hidden").get<int64_t>(),
          .patch = vit.at("patch"),
          .image = vit.at("image")};
}

LrmConfig lrm_config(const json& config, LrmKind kind) {
  const json& params = config.at("params");
  LrmConfig lrm;
  lrm.kind = kind;
  lrm.encoder = encoder_config(config.at("dino"));
  lrm.transformer = {.width = params.at("transformer_dim"),
                     .heads = params.at("transformer_heads"),
                     .layers = params.at("transformer_layers"),
                     .condition_width = params.at("encoder_feat_dim"),
                     .low_resolution = params.at("triplane_low_res"),
                     .high_resolution = params.at("triplane_high_res"),
                     .channels = params.at("triplane_dim")};
  return lrm;
}

TripoSrConfig triposr_config(const json& published) {
  const json &tokenizer = published.at("tokenizer"), &backbone = published.at("backbone"),
             &decoder = published.at("decoder");
  TripoSrConfig config;
  config.encoder = encoder_config(published.at("vit"));
  config.encoder.knows_cameras = false;
  config.transformer = {.channels = tokenizer.at("num_channels"),
                        .groups = backbone.value("norm_num_groups", config.transformer.groups),
                        .heads = backbone.at("num_attention_heads"),
                        .head_width = backbone.at("attention_head_dim"),
                        .layers = backbone.at("num_layers"),
                        .condition_width = backbone.at("cross_attention_dim"),
                        .plane_side = tokenizer.at("plane_size"),
                        .plane_channels = published.at("post_processor").at("out_channels")};
  config.head_width = decoder.at("n_neurons");
  config.head_layers = decoder.at("n_hidden_layers");
  config.picture_side = published.at("cond_image_size");
  return config;
}

LrmFile::LrmFile(const std::string& name, fs::path path) : path_(std::move(path)) {
  const LrmConfig published = published_lrm(name);
  config_ =
      config_beside(path_, published, [&](const json& config) { return lrm_config(config, published.kind); });
}

std::shared_ptr<const Lrm> LrmFile::whole(const Execution& execution) const {
  return part(0, Lrm::blocks(config_), PlanesHeads::kYes, execution);
}

std::shared_ptr<const Lrm> LrmFile::part(int first_block, int last_block, PlanesHeads heads,
                                         const Execution& execution) const {
  auto part = std::make_shared<Lrm>(config_, first_block, last_block, heads);
  if (!part->parameters().empty()) {
    load_part(*part, Lrm(config_), read_weights(path_), kPrefix, execution);
    if (execution.streamed) part->stream(execution.streamed);
  }
  return part;
}

TripoSrFile::TripoSrFile(fs::path path)
    : path_(std::move(path)), config_(config_beside(path_, TripoSrConfig(), triposr_config)) {}

std::shared_ptr<const TripoSr> TripoSrFile::whole(const Execution& execution) const {
  return part(0, TripoSr::blocks(config_), PlanesHeads::kYes, execution);
}

std::shared_ptr<const TripoSr> TripoSrFile::part(int first_block, int last_block, PlanesHeads heads,
                                                 const Execution& execution) const {
  auto part = std::make_shared<TripoSr>(config_, first_block, last_block, heads);
  if (!part->parameters().empty()) {
    const std::vector<std::string> unused(std::begin(kTripoSrUnused), std::end(kTripoSrUnused));
    load_part(*part, TripoSr(config_), read_weights(path_), "", execution, unused);
    if (execution.streamed) part->stream(execution.streamed);
  }
  return part;
}

}  // namespace relievo

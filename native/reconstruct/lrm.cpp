#include "reconstruct/lrm.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo {

LrmConfig published_lrm(const std::string& name) {
  LrmConfig config;
  const bool is_mesh = name.starts_with("instant-mesh-"), is_nerf = name.starts_with("instant-nerf-");
  const bool is_large = name.ends_with("-large"), is_base = name.ends_with("-base");
  if ((!is_mesh && !is_nerf) || (!is_large && !is_base)) {
    throw Error(ErrorCode::kModelMissing, fmt::format("There is no reconstruction model '{}'.", name),
                "Choose instant-mesh-base, instant-mesh-large, instant-nerf-base or instant-nerf-large.");
  }
  config.kind = is_mesh ? LrmKind::kMesh : LrmKind::kNerf;
  config.transformer.layers = is_large ? 16 : 12;
  config.transformer.channels = is_large ? 80 : 40;
  return config;
}

Lrm::Lrm(const LrmConfig& config)
    : encoder_(register_module("encoder", std::make_shared<ImageEncoder>(config.encoder))),
      transformer_(
          register_module("transformer", std::make_shared<TriplaneTransformer>(config.transformer))) {
  const int64_t channels = config.transformer.channels;
  if (config.kind == LrmKind::kMesh) {
    mesh_heads_ = Group::add_below(*this, "synthesizer.decoder", std::make_shared<MeshHeads>(channels));
  } else {
    density_heads_ = Group::add_below(*this, "synthesizer.decoder", std::make_shared<DensityHeads>(channels));
  }
}

at::Tensor Lrm::encode(const Views& views, const Execution& execution) const {
  const at::NoGradGuard no_grad;
  const at::Tensor pixels = views.pixels.to(execution.options()),
                   cameras = views.cameras.to(execution.options());
  const at::Tensor tokens = encoder_->forward(pixels.unsqueeze(0), cameras.unsqueeze(0));
  return tokens.reshape({1, -1, tokens.size(-1)});
}

at::Tensor Lrm::planes(const at::Tensor& tokens, const Execution& execution) const {
  const at::NoGradGuard no_grad;
  const Observer stop_when_asked = [&](const std::string&, const at::Tensor&) {
    execution.control.cancel.check();
  };
  return transformer_->forward(tokens, stop_when_asked)[0];
}

std::unique_ptr<Field> Lrm::field(at::Tensor planes) const {
  if (mesh_heads_) return std::make_unique<TriplaneMeshField>(std::move(planes), mesh_heads_);
  return std::make_unique<TriplaneDensityField>(std::move(planes), density_heads_);
}

std::unique_ptr<Field> Lrm::reconstruct(const Views& views, const Execution& execution) const {
  execution.control.step(0);
  const at::Tensor tokens = encode(views, execution);
  execution.control.step(0.4);
  at::Tensor result = planes(tokens, execution);
  execution.control.step(1);
  return field(std::move(result));
}

}  // namespace relievo

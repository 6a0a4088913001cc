#include "multiview/load.h"

#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "multiview/older_names.h"
#include "nn/tensors.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPromptFile = "empty_prompt.safetensors";
constexpr uintmax_t kMostConfigBytes = 4 << 20;

Error corrupt_config(const fs::path& path, const std::string& why) {
  return Error(ErrorCode::kModelCorrupt, fmt::format("'{}' cannot be used: {}.", path.string(), why),
               "Fetch the model again.");
}

/// Calls `read(json)` if the file exists.
template <typename Read>
void with_config(const fs::path& path, const Read& read) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return;
  try {
    const json config = read_json(path, {.bytes = kMostConfigBytes});
    if (!config.is_object()) throw JsonError("it is not a JSON object");
    read(config);
  } catch (const JsonError& failure) {
    throw corrupt_config(path, failure.what());
  } catch (const json::exception& failure) {
    throw corrupt_config(path, failure.what());
  }
}

TensorFile weights_of(const fs::path& folder) { return with_present_names(read_weights(folder)); }

template <typename Network>
std::shared_ptr<const Network> loaded(std::shared_ptr<Network> network, const Network& whole,
                                      const fs::path& folder, const Execution& execution) {
  if (network->parameters().empty()) return network;
  load_part(*network, whole, weights_of(folder), "", execution);
  return network;
}

/// Size and time of the text tower's file, which tell whether a cached prompt was made from it.
at::Tensor stamp_of(const fs::path& weights) {
  std::error_code error;
  const auto bytes = static_cast<int64_t>(fs::file_size(weights, error));
  const auto time = static_cast<int64_t>(fs::last_write_time(weights, error).time_since_epoch().count());
  return at::tensor({bytes, time}, at::kLong);
}

TensorView view_of(const at::Tensor& values, DType dtype) {
  return {dtype,
          values.sizes().vec(),
          {static_cast<const std::byte*>(values.const_data_ptr()), static_cast<size_t>(values.nbytes())}};
}

/// The cached prompt if the file exists, has the right shape and belongs to this text tower (or there is no
/// tower to compare with).
at::Tensor cached_prompt(const fs::path& path, const fs::path& weights, const ClipTextConfig& config) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  try {
    const TensorFile file = read_safetensors(path);
    const at::Tensor states = tensor_view(file, "states"), stamp = tensor_view(file, "text_encoder");
    const bool fits = states.sizes() == at::IntArrayRef({config.positions, config.width}) &&
                      states.scalar_type() == at::kFloat && stamp.scalar_type() == at::kLong;
    if (fits && (weights.empty() || stamp.equal(stamp_of(weights)))) return states.clone();
  } catch (const Error&) {
    // A cache that cannot be read is made anew.
  }
  return {};
}

}  // namespace

MultiviewFiles::MultiviewFiles(fs::path folder) : folder_(std::move(folder)) {
  with_config(folder_ / "text_encoder/config.json", [&](const json& c) { text_ = text_config(c); });
  with_config(folder_ / "vision_encoder/config.json", [&](const json& c) { vision_ = vision_config(c); });
  with_config(folder_ / "unet/config.json", [&](const json& c) { unet_ = relievo::unet_config(c); });
  with_config(folder_ / "vae/config.json", [&](const json& c) {
    vae_ = vae_config(c);
    latent_factor_ = c.value("scaling_factor", latent_factor_);
  });
  with_config(folder_ / "scheduler/scheduler_config.json",
              [&](const json& c) { diffusion_ = diffusion_config(c); });
  diffusion_.spacing = Spacing::kTrailing;
  with_config(folder_ / "feature_extractor_clip/preprocessor_config.json",
              [&](const json& c) { clip_ = extractor_config(c); });
  with_config(folder_ / "feature_extractor_vae/preprocessor_config.json",
              [&](const json& c) { picture_ = extractor_config(c); });
}

at::Tensor MultiviewFiles::ramp() const {
  const fs::path path = folder_ / "model_index.json";
  at::Tensor ramp;
  with_config(path, [&](const json& index) {
    ramp = at::tensor(index.at("ramping_coefficients").get<std::vector<float>>(), at::kFloat);
  });
  if (!ramp.defined() || ramp.numel() != text_.positions || !at::isfinite(ramp).all().item<bool>()) {
    throw corrupt_config(path, fmt::format("it has no {} ramping_coefficients", text_.positions));
  }
  return ramp;
}

std::shared_ptr<const ClipVision> MultiviewFiles::vision(const Execution& execution) const {
  const auto network = std::make_shared<ClipVision>(vision_);
  loaded(network, *network, folder_ / "vision_encoder", execution);
  if (execution.streamed) network->stream(execution.streamed);
  return network;
}

std::shared_ptr<const Vae> MultiviewFiles::vae(VaeParts parts, const Execution& execution) const {
  Execution wide = execution;
  wide.streamed.reset();
  if (wide.dtype == at::kHalf) wide.dtype = at::kFloat;
  return loaded(std::make_shared<Vae>(vae_, parts), Vae(vae_), folder_ / "vae", wide);
}

std::shared_ptr<const Unet> MultiviewFiles::unet(const Execution& execution) const {
  return unet(0, Unet::blocks(unet_), execution);
}

std::shared_ptr<const Unet> MultiviewFiles::unet(int first_block, int last_block,
                                                 const Execution& execution) const {
  const auto network = std::make_shared<Unet>(unet_, first_block, last_block);
  loaded(network, Unet(unet_), folder_ / "unet", execution);
  if (execution.streamed) network->stream(execution.streamed);
  return network;
}

at::Tensor MultiviewFiles::empty_prompt() const {
  const fs::path path = folder_ / kPromptFile, weights = component_weights(folder_ / "text_encoder");
  if (const at::Tensor states = cached_prompt(path, weights, text_); states.defined()) return states;
  const at::NoGradGuard no_grad;
  ClipText text(text_);
  load_strict(text, weights_of(folder_ / "text_encoder"), "", {});
  const at::Tensor states = text.empty_prompt()[0].contiguous(), stamp = stamp_of(weights);
  try {
    write_atomically(path, [&](const fs::path& temporary) {
      write_safetensors(temporary, {{"states", view_of(states, DType::kFloat32)},
                                    {"text_encoder", view_of(stamp, DType::kInt64)}});
    });
  } catch (const Error& error) {
    // The folder may be writable by others only; then the prompt is computed each time.
    log(LogLevel::kInfo, error.what());
  }
  return states;
}

ConditionParts MultiviewFiles::condition_parts(const Execution& execution) const {
  return {.vision = vision(execution),
          .vae = vae(VaeParts::kEncoder, execution),
          .empty_prompt = empty_prompt(),
          .ramp = ramp(),
          .clip = clip_,
          .picture = picture_};
}

MultiviewModel MultiviewFiles::model(const Execution& execution) const {
  return {.condition = condition_parts(execution),
          .unet = unet(execution),
          .decoder = vae(VaeParts::kDecoder, execution),
          .diffusion = diffusion_,
          .latent_factor = latent_factor_};
}

}  // namespace relievo

#include <algorithm>
#include <cmath>
#include <optional>

#include <ATen/core/grad_mode.h>

#include "engine/picture_checksum.h"
#include "engine/stages.h"
#include "files/pictures.h"
#include "foreground/foreground.h"
#include "nn/tensors.h"
#include "runtime/torch/counting_allocator.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFullNetwork = "u2net";  // name in the catalogue

/// Side of the square that is cut out.
int foreground_side(const Settings& settings) { return std::clamp(settings.texture_size, 512, 4096); }

/// The number of pixels that the texture can show; a larger picture is scaled down to it while it is read.
int64_t kept_pixels(const Settings& settings) {
  constexpr int64_t kFewest = int64_t{4} << 20, kMost = int64_t{64} << 20;
  const int64_t side = foreground_side(settings);
  return std::clamp(8 * side * side, kFewest, kMost);
}

/// The name by which messages call a picture that is given as bytes and may have no file.
std::string name_of(const GenerateRequest& request) {
  if (!request.picture.empty()) return request.picture.string();
  return request.name.empty() ? "picture" : request.name;
}

Image decode_picture(const GenerateRequest& request, const PictureOptions& options) {
  if (!request.bytes.pixels.empty()) return from_bytes(request.bytes);
  if (!request.encoded.empty()) return read_picture(request.encoded, name_of(request), options);
  if (request.image.empty()) return read_picture(request.picture, options);
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(request.image.pixels.begin(), request.image.pixels.end(), is_finite)) {
    throw Error(ErrorCode::kInvalidImage, "The picture holds values that are not finite.",
                "Give values from 0 to 1.");
  }
  return request.image;
}

MaskSource mask_source(MaskKind kind) {
  switch (kind) {
    case MaskKind::kAuto:
      return MaskSource::kAuto;
    case MaskKind::kAlpha:
      return MaskSource::kAlpha;
    case MaskKind::kFile:
      return MaskSource::kGiven;
  }
  throw Error(ErrorCode::kInternal, "Unknown kind of mask.");
}

/// Path of the installed full network, or empty.
fs::path full_network_file() {
  try {
    return find_model(kFullNetwork).file();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

DecodingCost decoding_cost(const GenerateRequest& request) {
  PictureOptions options;
  options.kept_pixels = kept_pixels(request.settings);
  DecodingCost most;
  if (!request.encoded.empty()) {
    most = decoding_cost(request.encoded, name_of(request), options);
    most.file_bytes = 0;  // the request holds it all the time
  } else if (request.bytes.pixels.empty() && request.image.empty()) {
    most = decoding_cost(request.picture, options);
  }
  if (request.settings.mask != MaskKind::kFile) return most;
  const DecodingCost mask = decoding_cost(request.settings.mask_file, options);
  return mask.file_bytes + mask.decoder_bytes > most.file_bytes + most.decoder_bytes ? mask : most;
}

struct ForegroundStage::Network {
  // Null where there is no file; pictures with a mask of their own do without.
  std::unique_ptr<U2Net> net;
  MemoryCharge mapped;
};

ForegroundStage::ForegroundStage(fs::path embedded_models)
    : StageOf("foreground", "foreground"), embedded_models_(std::move(embedded_models)) {}
ForegroundStage::~ForegroundStage() = default;

StageProfile ForegroundStage::profile_for(const Settings& settings, const std::vector<Worker>&) const {
  constexpr double kMiB = 1 << 20;
  const double side = foreground_side(settings);
  const bool is_full = !full_network_file().empty();
  StageMode mode;
  mode.weight_bytes = is_full ? 176 << 20 : 5 << 20;
  // The memory besides the network's: the picture, in up to four channels, its mask, and the mask as it was
  // given.
  constexpr double kBytesPerPixel = 4 * 4 + 4 + 4;
  mode.workspace_bytes = std::max(is_full ? 260 * kMiB : static_cast<double>(kDecodedForNothing),
                                  static_cast<double>(decoding_bytes()));
  mode.workspace_bytes_per_picture = kBytesPerPixel * static_cast<double>(kept_pixels(settings));
  mode.seconds_per_picture = is_full ? 3 : 1;
  mode.host_seconds_per_picture = 0.1 + 5e-8 * side * side;
  StageProfile profile{"", {mode}, kMaxBatch};
  profile.variant = is_full ? "u2net" : "u2netp";
  profile.output_bytes_per_picture = static_cast<int64_t>(16 * side * side);
  return profile;
}

void ForegroundStage::load(const StageLoad& load) {
  const at::NoGradGuard no_grad;
  auto network = std::make_shared<Network>();
  const fs::path full = full_network_file(), embedded = embedded_models_ / kEmbeddedNetwork;
  const fs::path& file = full.empty() ? embedded : full;
  if (fs::exists(file)) {
    network->net = std::make_unique<U2Net>(full.empty() ? U2NetSize::kSmall : U2NetSize::kFull);
    const TensorFile weights = read_weights(file);
    load_strict(*network->net, weights, "", execution_for(load.worker));
    network->mapped = MemoryCharge(mapped_bytes(*network->net));
  }
  networks_.set(load.worker, std::move(network));
}

void ForegroundStage::unload(const Worker& worker) { networks_.erase(worker); }

CutPicture ForegroundStage::output_of(GivenPicture, PictureWork& work, const StageCall& call,
                                      const Execution& execution) {
  const at::NoGradGuard no_grad;
  const Settings& settings = work.job->settings();
  std::string checksum = picture_checksum(*work.job->request);
  PictureOptions options;
  options.kept_pixels = kept_pixels(settings);
  options.cancel = execution.control.cancel;
  options.reserve = [](int64_t bytes) { return std::make_shared<MemoryCharge>(bytes); };
  std::optional<Mask> given;
  if (settings.mask == MaskKind::kFile) given = mask_from_picture(read_picture(settings.mask_file, options));
  options.on_note = [&work](const std::string& text) { work.note(text); };
  Image picture = decode_picture(*work.job->request, options);
  const MemoryCharge pixels(static_cast<int64_t>(picture.pixels.size()) * 4 +
                            int64_t{2} * 4 * picture.width *
                                picture.height);  // and its mask, given and found
  execution.control.step(0.2);
  const ForegroundSettings cut{.source = mask_source(settings.mask),
                               .threshold = settings.mask_threshold,
                               .invert = settings.mask_invert,
                               .side = foreground_side(settings)};
  Execution rest = execution;
  rest.control = execution.control.part(0.2, 1);
  const auto network = networks_.get(call.workers[0]);
  CutOut made = cut_out(std::move(picture), cut, given, network ? network->net.get() : nullptr, rest);
  for (const std::string& text : made.notes) work.note(text);
  auto foreground = std::make_shared<const Foreground>(std::move(made.foreground));
  work.job->on_picture("foreground", foreground->image);
  return {std::move(checksum), std::move(foreground)};
}

}  // namespace relievo

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <span>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "engine/own_views.h"
#include "engine/picture_checksum.h"
#include "engine/pipeline.h"
#include "engine/stages.h"
#include "files/pictures.h"
#include "foreground/foreground.h"
#include "foreground/sheet.h"
#include "foreground/view_frame.h"
#include "foreground/warnings.h"
#include "foreground/whole_picture.h"
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

int64_t bytes_of(const DecodingCost& cost) { return cost.file_bytes + cost.decoder_bytes; }

/// Side of the square that is cut out of one of the person's own views: as much as the model sees or, where
/// it is projected, as a texture can show of one of several pictures.
int view_side(const Settings& settings) {
  if (settings.model == kPreviewModel) return side_of_sides(settings);
  return settings.projection == "on" ? std::clamp(settings.texture_size, 512, 1024) : 512;
}

/// The first cell of a grid of 3 rows x 2 columns.
Image first_cell(const Image& grid) {
  Image cell(std::max(grid.width / 2, 1), std::max(grid.height / 3, 1), grid.channels);
  cell.linear = grid.linear;
  for (int y = 0; y < cell.height; ++y)
    std::copy_n(grid.pixel(0, y), static_cast<size_t>(cell.width) * cell.channels, cell.pixel(0, y));
  return cell;
}

/// All cut-outs in a row.
Image side_by_side(const std::vector<CutView>& cuts) {
  const int side = cuts.front().foreground->image.width, count = static_cast<int>(cuts.size());
  Image row(side * count, side, 4);
  for (int i = 0; i < count; ++i) {
    const Image& image = cuts[static_cast<size_t>(i)].foreground->image;
    for (int y = 0; y < side; ++y)
      std::copy_n(image.pixel(0, y), static_cast<size_t>(side) * 4, row.pixel(i * side, y));
  }
  return row;
}

/// The error of a view's picture, which names the view.
Error in_view(const OwnView& view, const Error& error) {
  std::string why = error.message();
  if (why.find(view.picture) != std::string::npos) return error;
  if (why.ends_with('.')) why.pop_back();
  if (!why.empty()) why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
  return {error.code(), fmt::format("The view '{}' cannot be cut out: {}.", view.picture, why), error.hint()};
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
  std::vector<std::string> others;
  if (request.settings.mask == MaskKind::kFile) others.push_back(request.settings.mask_file);
  for (const OwnView& view : request.settings.views) {
    if (cut_views(request.settings) > 0) others.push_back(view.picture);
    if (!view.mask.empty()) others.push_back(view.mask);
  }
  for (const std::string& file : others) {
    const DecodingCost cost = decoding_cost(file, options);
    if (bytes_of(cost) > bytes_of(most)) most = cost;
  }
  return most;
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
  // The memory besides the network's, of one picture after the other: the picture, in up to four channels,
  // its mask, and the mask as it was given.
  constexpr double kBytesPerPixel = 4 * 4 + 4 + 4;
  mode.workspace_bytes = std::max(is_full ? 260 * kMiB : static_cast<double>(kDecodedForNothing),
                                  static_cast<double>(decoding_bytes())) +
                         kBytesPerPixel * static_cast<double>(kept_pixels(settings));
  const double views = cut_views(settings);
  const double in_views = views * view_side(settings) * view_side(settings);
  const bool is_sheet = !settings.sheet.empty();  // which is cut without the network
  mode.seconds_per_picture = (is_full ? 3 : 1) * (is_sheet ? 1 : 1 + views);
  mode.host_seconds_per_picture = 0.1 + 5e-8 * (side * side + in_views);
  StageProfile profile{"", {mode}, kAnyBatch};
  profile.on_host = true;
  profile.variant = is_full ? "u2net" : "u2netp";
  profile.output_bytes_per_picture = static_cast<int64_t>(16 * (side * side + in_views));
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
  const OwnView* const view = view_as_picture(*work.job->request);
  MaskSource source = mask_source(settings.mask);
  std::string mask_file = settings.mask_file;
  if (view && !view->mask.empty() && settings.mask == MaskKind::kAuto) {
    source = MaskSource::kGiven;
    mask_file = view->mask;
  }
  std::optional<Mask> given;
  if (source == MaskSource::kGiven) given = mask_from_picture(read_picture(mask_file, options));
  options.on_note = [&work](const std::string& text) { work.note(text); };
  Image picture = decode_picture(*work.job->request, options);
  if (view && !view->has_camera() && settings.views.size() == 1) picture = first_cell(picture);
  const MemoryCharge pixels(static_cast<int64_t>(picture.pixels.size()) * 4 +
                            int64_t{2} * 4 * picture.width *
                                picture.height);  // and its mask, given and found
  execution.control.step(0.2);
  if (!settings.sheet.empty()) return cut_figures(std::move(checksum), picture, given, work, execution);
  const int width = picture.width, height = picture.height;
  const ForegroundSettings cut{.source = source,
                               .threshold = settings.mask_threshold,
                               .invert = settings.mask_invert,
                               .side = foreground_side(settings),
                               .subject = settings.subject};
  Execution rest = execution;
  const bool is_alone = cut_views(settings) == 0 || work.job->request->only_foreground;
  rest.control = execution.control.part(0.2, is_alone ? 1 : 0.4);
  const auto network = networks_.get(call.workers[0]);
  const bool shows_mask = work.job->request->only_foreground && work.job->request->shows_mask;
  if (shows_mask) work.job->on_picture("picture", whole_picture(picture, kWholeSide));
  CutOut made = cut_out(std::move(picture), cut, given, network ? network->net.get() : nullptr, rest);
  for (const std::string& text : made.notes) work.note(text);
  const bool is_preview = settings.model == kPreviewModel;
  if (!view || is_preview) {
    for (const std::string& text : warnings_of(made.foreground, width, height)) work.note(text);
  }
  if (is_preview && settings.shape == "inflate" && settings.views.empty()) {
    for (const std::string& text : warnings_of_colours(made.foreground)) work.note(text);
  }
  auto foreground = std::make_shared<const Foreground>(std::move(made.foreground));
  work.job->on_picture("foreground", foreground->image);
  if (shows_mask) work.job->on_picture("mask", whole_mask(*foreground, width, height, kWholeSide));
  if (is_alone) return {std::move(checksum), std::move(foreground)};
  rest.control = execution.control.part(0.4, 1);
  // With preview the picture is one of the sides: the first view, or the front.
  std::vector<CutView> cuts = cut_own_views(work, is_preview && view ? 1 : 0, network.get(), rest);
  if (is_preview) {
    const OwnView own = view ? *view : view_from(Side::kFront, name_of(*work.job->request));
    cuts.insert(cuts.begin(), CutView{own, foreground, width, height});
  }
  return {std::move(checksum), std::move(foreground), std::move(cuts)};
}

CutPicture ForegroundStage::cut_figures(std::string checksum, const Image& picture,
                                        const std::optional<Mask>& given, PictureWork& work,
                                        const Execution& execution) {
  const Settings& settings = work.job->settings();
  const std::vector<Side> sides = sides_of_sheet(settings.sheet);
  std::vector<CutFigure> figures = cut_out_figures(picture,
                                                   {.source = mask_source(settings.mask),
                                                    .threshold = settings.mask_threshold,
                                                    .invert = settings.mask_invert,
                                                    .side = view_side(settings)},
                                                   given, static_cast<int>(sides.size()), execution);
  const std::string name = fs::path(name_of(*work.job->request)).filename().string();
  std::vector<CutView> cuts;
  for (size_t i = 0; i < figures.size(); ++i) {
    const char* const side = side_name(sides[i]);
    for (const std::string& text : figures[i].cut.notes) work.note(fmt::format("In the {}: {}", side, text));
    cuts.push_back({view_from(sides[i], fmt::format("{} of {}", side, name)),
                    std::make_shared<const Foreground>(std::move(figures[i].cut.foreground)), figures[i].side,
                    figures[i].side});
  }
  work.job->on_picture("foreground", side_by_side(cuts));
  // The front, or else the back, stands for the whole.
  const auto place = static_cast<size_t>(std::ranges::min_element(sides) - sides.begin());
  auto shown = std::make_shared<Foreground>(*cuts[place].foreground);
  shown->crop.x += figures[place].x;
  shown->crop.y += figures[place].y;
  return {std::move(checksum), std::move(shown), std::move(cuts)};
}

std::vector<CutView> ForegroundStage::cut_own_views(PictureWork& work, size_t first, const Network* network,
                                                    const Execution& execution) {
  const Settings& settings = work.job->settings();
  PictureOptions options;
  options.kept_pixels = kept_pixels(settings);
  options.cancel = execution.control.cancel;
  options.reserve = [](int64_t bytes) { return std::make_shared<MemoryCharge>(bytes); };
  const auto count = static_cast<double>(settings.views.size() - first);
  std::vector<CutView> cuts;
  for (const OwnView& view : std::span(settings.views).subspan(first)) {
    Execution part = execution;
    const auto done = static_cast<double>(cuts.size());
    part.control = execution.control.part(done / count, (done + 1) / count);
    try {
      std::optional<Mask> mask;
      if (!view.mask.empty()) mask = mask_from_picture(read_picture(view.mask, options));
      Image picture = read_picture(view.picture, options);
      const int width = picture.width, height = picture.height;
      const MemoryCharge pixels(static_cast<int64_t>(picture.pixels.size()) * 4 +
                                int64_t{2} * 4 * width * height);
      CutOut made = cut_out(std::move(picture),
                            {.source = mask ? MaskSource::kGiven : MaskSource::kAuto,
                             .threshold = settings.mask_threshold,
                             .invert = settings.mask_invert,
                             .side = view_side(settings)},
                            mask, network ? network->net.get() : nullptr, part);
      const std::string name = fs::path(view.picture).filename().string();
      for (const std::string& text : made.notes) work.note(fmt::format("In the view '{}': {}", name, text));
      if (is_cut_off(made.foreground, width, height)) {
        work.note(fmt::format("The subject reaches the border of the view '{}': what lies beyond is missing.",
                              name));
      }
      cuts.push_back({view, std::make_shared<const Foreground>(std::move(made.foreground)), width, height});
    } catch (const Error& error) {
      throw in_view(view, error);
    }
  }
  return cuts;
}

}  // namespace relievo

#include "engine/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/resident_memory.h"
#include "files/pictures.h"
#include "foreground/foreground.h"
#include "nn/tensors.h"
#include "reconstruct/inflated_mask.h"
#include "surface/clean_surface.h"
#include "surface/grid.h"
#include "surface/surface.h"
#include "texture/texture.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMaskNetFile = "u2netp.safetensors";

/// Times and measures the stages of one run and maps their progress onto the whole.
class StageRunner {
 public:
  StageRunner(const Control& control, const std::function<void(const std::string&)>& on_stage)
      : control_(control), on_stage_(on_stage) {}

  /// Runs `stage(control)`; it is taken to be `share` of the whole job's time.
  template <typename Stage>
  auto run(const std::string& name, double share, const Stage& stage) {
    control_.cancel.check();
    on_stage_(name);
    const Control part = control_.part(done_, done_ + share);
    done_ += share;
    reset_peak_resident_bytes();
    const auto begin = std::chrono::steady_clock::now();
    auto result = stage(part);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    reports.push_back({name, seconds.count(), peak_resident_bytes(), "cpu"});
    part.progress.report(1);
    return result;
  }

  std::vector<StageReport> reports;

 private:
  const Control& control_;
  const std::function<void(const std::string&)>& on_stage_;
  double done_ = 0;
};

Image decode_picture(const GenerateRequest& request) {
  if (!request.bytes.pixels.empty()) return from_bytes(request.bytes);
  if (!request.encoded.empty()) return read_picture(request.encoded, request.picture.string());
  if (request.image.empty()) return read_picture(request.picture);
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(request.image.pixels.begin(), request.image.pixels.end(), is_finite)) {
    throw Error(ErrorCode::kInvalidImage, "The picture holds values that are not finite.",
                "Give values from 0 to 1.");
  }
  return request.image;
}

/// A picture as a mask: its alpha where it has one, else its grey level.
Mask mask_from_picture(const Image& picture) {
  Mask mask(picture.width, picture.height);
  for (size_t i = 0; i < mask.values.size(); ++i) {
    const float* p = &picture.pixels[i * picture.channels];
    mask.values[i] = std::clamp(picture.channels == 4 ? p[3] : (p[0] + p[1] + p[2]) / 3, 0.0f, 1.0f);
  }
  return mask;
}

/// A name that files and objects can have: no slashes or control characters, no space at either end.
std::string usable_name(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
  }
  const size_t first = name.find_first_not_of(' ');
  if (first == std::string::npos) return "picture";
  return name.substr(first, name.find_last_not_of(' ') - first + 1);
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

}  // namespace

struct Models::Loaded {
  std::unique_ptr<U2Net>
      mask_net;  // null when its file is missing; pictures with a mask of their own do without
};

Models::Models(fs::path folder) : folder_(std::move(folder)) {}
Models::~Models() = default;

Models::Loaded& Models::loaded() {
  if (loaded_) return *loaded_;
  auto loading = std::make_unique<Loaded>();
  if (const fs::path file = folder_ / kMaskNetFile; fs::exists(file)) {
    loading->mask_net = std::make_unique<U2Net>(U2NetSize::kSmall);
    load_strict(*loading->mask_net, read_safetensors(file), "", {});
  }
  loaded_ = std::move(loading);
  return *loaded_;
}

void Models::unload() { loaded_.reset(); }

fs::path find_models(const fs::path& given) {
  if (!given.empty()) return given;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& candidate : {program / "models", program.parent_path() / "models"}) {
    if (fs::exists(candidate / kMaskNetFile, error)) return candidate;
  }
  return program / "models";
}

void check_request(const GenerateRequest& request) {
  validate(request.settings);
  if (request.settings.model != "preview") {
    throw Error(ErrorCode::kModelMissing,
                fmt::format("The model '{}' is not available.", request.settings.model),
                "This version has one model: preview.");
  }
  if (request.picture.empty() && request.image.empty() && request.bytes.pixels.empty() &&
      request.encoded.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "The request has neither a picture file nor a picture.");
  }
}

Foreground find_foreground(const GenerateRequest& request, Models& models, const Control& control) {
  const at::NoGradGuard no_grad;
  const Settings& settings = request.settings;
  const Image picture = decode_picture(request);
  std::optional<Mask> given;
  if (settings.mask == MaskKind::kFile) given = mask_from_picture(read_picture(settings.mask_file));
  control.step(0.2);
  const ForegroundSettings cut{.source = mask_source(settings.mask),
                               .threshold = settings.mask_threshold,
                               .invert = settings.mask_invert,
                               .side = std::clamp(settings.texture_size, 512, 4096)};
  return cut_out(picture, cut, given, models.loaded().mask_net.get(),
                 Execution{.control = control.part(0.2, 1)});
}

GenerateResult run_pipeline(const GenerateRequest& request, Models& models, const Control& control,
                            const Follower& follower) {
  const at::NoGradGuard no_grad;
  const Settings& settings = request.settings;
  StageRunner stages(control, follower.on_stage);
  GenerateResult result;

  const Foreground foreground = stages.run(
      "foreground", 0.45, [&](const Control& part) { return find_foreground(request, models, part); });
  follower.on_picture("foreground", foreground.image);
  const std::unique_ptr<Field> field = stages.run("reconstruct", 0.2, [&](const Control& part) {
    // Two cells of the grid that will mesh it: thinner parts would come out beaded or not at all.
    const float thinnest =
        std::min(2 * static_cast<float>(kGridSide) / static_cast<float>(settings.grid), 1.0f);
    return inflate(foreground, {.depth = settings.depth, .thinnest = thinnest}, Execution{.control = part});
  });
  Surface surface = stages.run("surface", 0.2, [&](const Control& part) {
    const Surface meshed =
        extract_surface(*field, {.grid = settings.grid}, Execution{.control = part.part(0, 0.7)});
    const CleanSettings clean = settings.keep_debris ? CleanSettings{.smallest_share = 0} : CleanSettings{};
    Surface cleaned = clean_surface(meshed, clean, part.part(0.7, 0.8));
    return settings.faces ? simplify_surface(cleaned, settings.faces, part.part(0.8, 1)) : cleaned;
  });
  result.mesh = stages.run("texture", 0.15, [&](const Control& part) {
    TexturedMesh mesh =
        texture_surface(std::move(surface), *field, {.front = &foreground}, {.size = settings.texture_size},
                        Execution{.control = part.part(0, 0.8)});
    result.albedo_png = encode_png(mesh.albedo);
    mesh.report = inspect_surface(mesh.surface);
    turn_to_scene(mesh.surface);
    return mesh;
  });

  result.name = usable_name(request.name.empty() ? request.picture.stem().string() : request.name);
  result.mesh.provenance = {.picture = request.picture.empty() ? result.name : request.picture.string(),
                            .model = settings.model,
                            .settings = to_json(settings),
                            .version = version()};
  result.foreground = foreground.image;
  result.crop = foreground.crop;
  result.stages = std::move(stages.reports);
  result.plan = fmt::format("One picture; every stage on the CPU with {} threads, one after the other.",
                            at::get_num_threads());
  return result;
}

}  // namespace relievo

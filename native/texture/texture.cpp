#include "texture/texture.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/refusals.h"
#include "base/vertex_normals.h"
#include "kernels/push_pull.h"
#include "texture/atlas.h"
#include "texture/best_pictures.h"
#include "texture/normal_map.h"
#include "texture/projection.h"
#include "texture/texels.h"

namespace relievo {
namespace {

constexpr int kSmallestTexture = 64;
constexpr int kLargestTexture = 8192;
constexpr int64_t kBatch = 65536;  // points
constexpr int64_t kSmallestBatch = 1024;
// A triplane field of 80 channels needs this many bytes or less.
constexpr int64_t kBytesPerPoint = 8192;
constexpr int64_t kGrain = 8192;

void check_size(int size) {
  if (size >= kSmallestTexture && size <= kLargestTexture) return;
  throw invalid_value("texture size", fmt::format("{}", size),
                      fmt::format("Use {} to {}.", kSmallestTexture, kLargestTexture));
}

/// `[3, S, S]` as a picture.
Image picture_from(const at::Tensor& view) {
  const at::Tensor pixels = view.to(at::kCPU, at::kFloat).permute({1, 2, 0}).contiguous();
  Image image(static_cast<int>(pixels.size(1)), static_cast<int>(pixels.size(0)), 3);
  std::copy_n(pixels.data_ptr<float>(), image.pixels.size(), image.pixels.begin());
  return image;
}

std::vector<Projector> make_projectors(const Surface& surface, const TextureSources& sources,
                                       const Execution& execution) {
  std::vector<Projector> projectors;
  if (sources.front) {
    const Image& image = sources.front->image;
    if (image.channels != 4 || image.width != image.height || image.empty()) {
      throw Error(ErrorCode::kInvalidImage,
                  fmt::format("The foreground has {} x {} pixels of {} channels.", image.width, image.height,
                              image.channels),
                  "Give a square RGBA picture.");
    }
    projectors.emplace_back(surface, kernels::grow_colours(image), PictureCamera{}, execution);
  }
  if (sources.views && sources.views->pixels.defined()) {
    const at::Tensor &pixels = sources.views->pixels, &cameras = sources.views->cameras;
    if (pixels.dim() != 4 || pixels.size(1) != 3 || pixels.size(2) != pixels.size(3) || pixels.size(2) == 0 ||
        !cameras.defined() || cameras.dim() != 2 || cameras.size(0) != pixels.size(0) ||
        cameras.size(1) != 16 ||
        (!sources.views->is_orthographic.empty() &&
         std::ssize(sources.views->is_orthographic) != pixels.size(0))) {
      throw Error(ErrorCode::kInvalidSettings, "The views are not square pictures with one camera each.",
                  "Give pixels [V, 3, S, S] and cameras [V, 16].");
    }
    const at::Tensor numbers = cameras.to(at::kCPU, at::kFloat).contiguous();
    for (int64_t v = 0; v < pixels.size(0); ++v) {
      const bool is_orthographic =
          !sources.views->is_orthographic.empty() && sources.views->is_orthographic[static_cast<size_t>(v)];
      PictureCamera camera{.is_perspective = !is_orthographic};
      std::copy_n(numbers.data_ptr<float>() + 16 * v, 16, camera.camera.begin());
      projectors.emplace_back(surface, picture_from(pixels.select(0, v)), camera, execution);
      execution.control.cancel.check();
    }
  }
  return projectors;
}

at::Tensor rows_of(const std::vector<Float3>& values) {
  return at::from_blob(const_cast<float*>(values.data()->data()), {static_cast<int64_t>(values.size()), 3},
                       at::kFloat);
}

/// Computes the colours of a surface, `[N, 3]` on the CPU, sRGB-encoded and not clamped.
class Painter {
 public:
  virtual ~Painter() = default;
  virtual at::Tensor of_texels(const Texels& texels) const = 0;
  /// Takes the surface's vertices and their unit normals.
  virtual at::Tensor of_vertices(const std::vector<Float3>& vertices,
                                 const std::vector<Float3>& normals) const = 0;
};

/// Paints with the field's colours, over which pictures are blended.
class FieldPainter : public Painter {
 public:
  FieldPainter(const Field& field, std::vector<Projector> projectors, const Execution& execution)
      : field_(field),
        projectors_(std::move(projectors)),
        cancel_(execution.control.cancel),
        batch_(std::clamp(execution.byte_budget / kBytesPerPoint, kSmallestBatch, kBatch)) {}

  at::Tensor of_texels(const Texels& texels) const override {
    return colours(texels.positions, texels.normals);
  }
  at::Tensor of_vertices(const std::vector<Float3>& vertices,
                         const std::vector<Float3>& normals) const override {
    return colours(rows_of(vertices), rows_of(normals));
  }

 private:
  /// Takes points and unit normals `[N, 3]`.
  at::Tensor colours(const at::Tensor& points, const at::Tensor& normals) const {
    at::Tensor result = at::empty({points.size(0), 3}, at::kFloat);
    for (int64_t first = 0; first < points.size(0); first += batch_) {
      cancel_.check();
      const int64_t last = std::min(first + batch_, points.size(0));
      result.slice(0, first, last).copy_(field_.colours(points.slice(0, first, last).to(field_.device())));
    }
    if (!result.isfinite().all().item<bool>()) {
      throw Error(ErrorCode::kInternal, "The model gave colours that are not finite.",
                  "Try full precision, or another seed.");
    }
    if (!projectors_.empty()) blend(points.cpu().contiguous(), normals.cpu().contiguous(), result);
    return result;
  }

  void blend(const at::Tensor& points, const at::Tensor& normals, at::Tensor& colours) const {
    const int64_t count = points.size(0);
    std::vector<float> sums(3 * count, 0), weights(count, 0), best(count, 0);
    for (const Projector& projector : projectors_) {
      cancel_.check();
      projector.add(points.const_data_ptr<float>(), normals.const_data_ptr<float>(), count, sums.data(),
                    weights.data(), best.data());
    }
    float* colour = colours.mutable_data_ptr<float>();
    parallel_for(count, kGrain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        if (weights[i] <= 0) continue;
        for (int64_t c = 3 * i; c < 3 * i + 3; ++c) {
          colour[c] = std::lerp(colour[c], sums[c] / weights[i], best[i]);
        }
      }
    });
  }

  const Field& field_;
  std::vector<Projector> projectors_;
  CancelToken cancel_;
  int64_t batch_;
};

/// Paints each point from the picture that sees it best, and what none sees from the surface around it.
class PicturePainter : public Painter {
 public:
  /// `otherwise` paints components that no picture sees.
  PicturePainter(const Surface& surface, const std::vector<Float3>& normals,
                 std::vector<Projector> projectors, const Painter& otherwise, const CancelToken& cancel)
      : surface_(surface), pictures_(std::move(projectors), surface, normals, cancel) {
    const auto count = static_cast<int64_t>(surface.vertices.size());
    const at::Tensor fallback = otherwise.of_vertices(surface.vertices, normals).contiguous();
    of_vertices_.resize(surface.vertices.size());
    std::vector<float> certain(surface.vertices.size());
    pictures_.look(surface.vertices.data()->data(), normals.data()->data(), count,
                   of_vertices_.data()->data(), certain.data());
    for (size_t v = 0; v < certain.size(); ++v) {
      if (certain[v] <= 0) std::copy_n(fallback.const_data_ptr<float>() + 3 * v, 3, of_vertices_[v].data());
    }
    grow_over_surface(surface, certain, of_vertices_, cancel);
  }

  at::Tensor of_texels(const Texels& texels) const override {
    const at::Tensor points = texels.positions.cpu().contiguous(),
                     normals = texels.normals.cpu().contiguous();
    const at::Tensor faces = texels.face.cpu().contiguous(), weights = texels.weights.cpu().contiguous();
    const int64_t count = points.size(0);
    at::Tensor result = at::empty({count, 3}, at::kFloat);
    std::vector<float> seen(count);
    float* colour = result.mutable_data_ptr<float>();
    pictures_.look(points.const_data_ptr<float>(), normals.const_data_ptr<float>(), count, colour,
                   seen.data());
    parallel_for(count, kGrain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        if (seen[i] >= 1) continue;
        const Int3& face = surface_.faces[faces.const_data_ptr<int32_t>()[i]];
        const float* weight = weights.const_data_ptr<float>() + 2 * i;
        for (size_t c = 0; c < 3; ++c) {
          const float around = (1 - weight[0] - weight[1]) * of_vertices_[face[0]][c] +
                               weight[0] * of_vertices_[face[1]][c] + weight[1] * of_vertices_[face[2]][c];
          float& own = colour[3 * i + static_cast<int64_t>(c)];
          own = std::lerp(around, own, seen[i]);
        }
      }
    });
    return result;
  }

  at::Tensor of_vertices(const std::vector<Float3>&, const std::vector<Float3>&) const override {
    return rows_of(of_vertices_).clone();
  }

 private:
  const Surface& surface_;
  BestPictures pictures_;
  std::vector<Float3> of_vertices_;
};

ByteImage bake_albedo(const TexturedMesh& mesh, const std::vector<Float3>& normals, const Painter& painter,
                      int size, const Execution& execution) {
  const Control& control = execution.control;
  Image albedo(size, size, 3);
  std::vector<float> coverage(static_cast<size_t>(size) * size, 0);
  const TexelReader reader(mesh.surface, mesh.corner_uv, normals, size, execution);
  for (int band = 0; band < reader.bands(); ++band) {
    control.step(0.85 * band / reader.bands());
    const Texels texels = reader.band(band);
    const at::Tensor colours = painter.of_texels(texels);
    const at::Tensor number = texels.number.cpu();
    const int64_t* texel = number.const_data_ptr<int64_t>();
    const float* colour = colours.const_data_ptr<float>();
    for (int64_t i = 0; i < number.size(0); ++i) {
      std::copy_n(colour + 3 * i, 3, &albedo.pixels[3 * texel[i]]);
      coverage[texel[i]] = 1;
    }
  }
  control.step(0.85);
  kernels::push_pull(albedo, coverage, control.cancel);
  control.step(0.95);
  return to_bytes(albedo);
}

std::vector<Float3> colour_vertices(const Surface& surface, const std::vector<Float3>& normals,
                                    const Painter& painter) {
  const at::Tensor colours = painter.of_vertices(surface.vertices, normals).clamp_(0, 1).contiguous();
  std::vector<Float3> result(surface.vertices.size());
  std::copy_n(colours.const_data_ptr<float>(), 3 * result.size(), result.data()->data());
  return result;
}

}  // namespace

TexturedMesh bake_surface(Surface surface, Atlas atlas, const Field& field, const TextureSources& sources,
                          const TextureSettings& settings, const Execution& execution) {
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  const auto part = [&](double from, double to) {
    Execution share = execution;
    share.control = control.part(from, to);
    return share;
  };
  check_size(settings.size);
  control.step(0);
  TexturedMesh mesh;
  mesh.corner_uv = std::move(atlas.corner_uv);
  mesh.texture_report = atlas.report;
  mesh.surface = std::move(surface);
  const double end = sources.detail ? 0.5 : 1.0;
  {
    const std::vector<Float3> normals = vertex_normals(mesh.surface);
    std::vector<Projector> projectors;
    if (settings.projection) projectors = make_projectors(mesh.surface, sources, execution);
    control.step(0.05);
    std::unique_ptr<Painter> painter;
    if (sources.from_best_view && !projectors.empty()) {
      const FieldPainter otherwise(field, {}, execution);
      painter = std::make_unique<PicturePainter>(mesh.surface, normals, std::move(projectors), otherwise,
                                                 control.cancel);
    } else {
      painter = std::make_unique<FieldPainter>(field, std::move(projectors), execution);
    }
    mesh.albedo = bake_albedo(mesh, normals, *painter, settings.size, part(0.05, end - 0.02));
    if (settings.vertex_colours) mesh.vertex_colours = colour_vertices(mesh.surface, normals, *painter);
  }
  control.step(end);
  if (sources.detail) {
    mesh.normal_map =
        bake_normal_map(mesh.surface, mesh.corner_uv, *sources.detail, settings.size, part(end, 1));
  }
  control.step(1);
  return mesh;
}

TexturedMesh texture_surface(Surface surface, const Field& field, const TextureSources& sources,
                             const TextureSettings& settings, const Execution& execution) {
  check_size(settings.size);
  const Control& control = execution.control;
  control.step(0);
  const float texel = 1.0f / static_cast<float>(settings.size);
  const AtlasSettings apart{.gap = std::max(AtlasSettings().gap, texel), .least_gap = texel};
  Atlas atlas = unwrap(surface, apart, control.part(0, 0.5));
  Execution baking = execution;
  baking.control = control.part(0.5, 1);
  return bake_surface(std::move(surface), std::move(atlas), field, sources, settings, baking);
}

}  // namespace relievo

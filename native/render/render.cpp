#include "render/render.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/vertex_normals.h"
#include "kernels/mip_pyramid.h"
#include "kernels/rasterise.h"
#include "render/shading.h"

namespace relievo {

using kernels::MipPyramid;

struct Renderer::Prepared {
  const TexturedMesh& mesh;
  std::vector<Float3> normals;
  std::unique_ptr<MipPyramid> albedo;      // null where vertex colours are shown
  std::unique_ptr<MipPyramid> normal_map;  // null where there is none
};

namespace {

constexpr int kMaxSide = 16384;
constexpr int kMaxSamples = 256;
constexpr int kRowsAtOnce = 8;

void require_consistent(const TexturedMesh& mesh) {
  const Surface& surface = mesh.surface;
  if (surface.faces.empty()) {
    throw Error(ErrorCode::kEmptySurface, "The mesh to render has no faces.",
                "Try another picture or other settings.");
  }
  const auto vertices = static_cast<int64_t>(surface.vertices.size());
  const bool fits = std::all_of(surface.faces.begin(), surface.faces.end(), [&](const Int3& face) {
    return std::all_of(face.begin(), face.end(), [&](int32_t i) { return i >= 0 && i < vertices; });
  });
  const bool has_albedo = !mesh.albedo.pixels.empty();
  if (!fits || (has_albedo && mesh.corner_uv.size() != surface.faces.size()) ||
      (has_albedo && mesh.albedo.channels != 3) ||
      (!mesh.vertex_colours.empty() && mesh.vertex_colours.size() != surface.vertices.size())) {
    throw Error(ErrorCode::kInternal, "The parts of the mesh to render do not fit together.");
  }
}

void require_valid(const View& view, int samples) {
  const bool fine = view.width >= 1 && view.height >= 1 && view.width <= kMaxSide &&
                    view.height <= kMaxSide && view.fov_y_degrees >= 1 && view.fov_y_degrees <= 170 &&
                    samples >= 1 && samples <= kMaxSamples;
  if (fine) return;
  throw Error(
      ErrorCode::kInvalidSettings,
      fmt::format("Cannot render {} x {} pixels of {} samples with a field of view of {} degrees.",
                  view.width, view.height, samples, view.fov_y_degrees),
      fmt::format("Use 1 to {} pixels a side, 1 to {} samples and 1 to 170 degrees.", kMaxSide, kMaxSamples));
}

/// Transforms points from world to camera axes, in float as the rasteriser takes them.
std::vector<float> in_camera_axes(const std::vector<Float3>& points, const Matrix4& pose) {
  const Matrix4 inverse = inverse_pose(pose);
  std::vector<float> out(points.size() * 3);
  parallel_for(static_cast<int64_t>(points.size()), 1 << 14, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      for (int row = 0; row < 3; ++row) {
        const double* m = &inverse[row * 4];
        out[i * 3 + row] =
            static_cast<float>(m[0] * points[i][0] + m[1] * points[i][1] + m[2] * points[i][2] + m[3]);
      }
    }
  });
  return out;
}

/// The rasteriser's view of a mesh; owns its pixels.
class Raster {
 public:
  Raster(const std::vector<Float3>& vertices, const std::vector<Int3>& faces, const View& view)
      : vertices_(in_camera_axes(vertices, view.pose)),
        hits_(static_cast<size_t>(view.width) * static_cast<size_t>(view.height)) {
    raster_.vertices = vertices_.data();
    raster_.faces = faces.front().data();
    raster_.face_count = static_cast<int64_t>(faces.size());
    raster_.width = view.width;
    raster_.height = view.height;
    raster_.focal = focal_length(view.fov_y_degrees) * view.height;
    raster_.centre_x = view.width / 2.0;
    raster_.centre_y = view.height / 2.0;
    raster_.hits = hits_.data();
  }

  /// Rasterises one sample of each pixel. The first is the pixel's centre; the others follow Roberts' R2
  /// sequence.
  void shoot(int sample) {
    const auto fraction = [](double x) { return x - std::floor(x); };
    raster_.offset_x = fraction(0.5 + sample * 0.7548776662466927);
    raster_.offset_y = fraction(0.5 + sample * 0.5698402909980532);
    kernels::rasterise_cpu(raster_);
  }
  const kernels::Rasterisation& raster() const { return raster_; }
  uint64_t hit(int64_t pixel) const { return hits_[static_cast<size_t>(pixel)]; }

 private:
  std::vector<float> vertices_;
  std::vector<uint64_t> hits_;
  kernels::Rasterisation raster_;
};

template <typename Body>
void for_rows(int height, const Body& body) {
  parallel_for(height, kRowsAtOnce, [&](int64_t first, int64_t last) {
    for (int row = static_cast<int>(first); row < last; ++row) body(row);
  });
}

/// Turns sums of premultiplied colours into means with straight alpha.
void finish_colour(Image& image, int samples) {
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    const float covered = image.pixels[i + 3];
    if (covered == 0) continue;
    for (size_t c = 0; c < 3; ++c) image.pixels[i + c] /= covered;
    image.pixels[i + 3] = covered / static_cast<float>(samples);
  }
}

}  // namespace

Renderer::Renderer(const TexturedMesh& mesh) {
  require_consistent(mesh);
  prepared_ = std::make_unique<Prepared>(Prepared{mesh, vertex_normals(mesh.surface), nullptr, nullptr});
  if (!mesh.albedo.pixels.empty()) {
    prepared_->albedo = std::make_unique<MipPyramid>(mesh.albedo, MipPyramid::Content::kColour);
    if (!mesh.normal_map.pixels.empty() && mesh.normal_map.channels == 3) {
      prepared_->normal_map = std::make_unique<MipPyramid>(mesh.normal_map, MipPyramid::Content::kDirection);
    }
  }
}

Renderer::~Renderer() = default;

const TexturedMesh& Renderer::mesh() const { return prepared_->mesh; }

Layers Renderer::render(const View& view, int samples, const Control& control) const {
  require_valid(view, samples);
  const TexturedMesh& mesh = prepared_->mesh;
  Raster raster(mesh.surface.vertices, mesh.surface.faces, view);
  const render::Shader shader{
      mesh,      prepared_->normals,           prepared_->albedo.get(), prepared_->normal_map.get(),
      view.pose, std::log2(std::sqrt(samples))};

  Layers layers;
  layers.colour = Image(view.width, view.height, 4);
  layers.albedo = Image(view.width, view.height, 4);
  layers.colour.linear = layers.albedo.linear = true;
  const size_t pixels = static_cast<size_t>(view.width) * static_cast<size_t>(view.height);
  layers.depth.assign(pixels, kNoDepth);
  layers.normal.assign(pixels, Float3{});
  layers.position.assign(pixels, Float3{});
  for (int sample = 0; sample < samples; ++sample) {
    control.step(static_cast<double>(sample) / samples);
    raster.shoot(sample);
    for_rows(view.height, [&](int row) {
      for (int column = 0; column < view.width; ++column) {
        const int64_t pixel = int64_t{row} * view.width + column;
        if (raster.hit(pixel) == kernels::kNoHit) continue;
        const render::Shaded seen =
            shader.shade(raster.raster(), kernels::face_of_hit(raster.hit(pixel)), column, row);
        float* colour = layers.colour.pixel(column, row);
        float* albedo = layers.albedo.pixel(column, row);
        for (int c = 0; c < 3; ++c) {
          colour[c] += seen.colour[c];
          albedo[c] += seen.albedo[c];
        }
        colour[3] += 1;
        albedo[3] += 1;
        if (sample == 0) {
          layers.depth[pixel] = seen.depth;
          layers.normal[pixel] = seen.normal;
          layers.position[pixel] = seen.position;
        }
      }
    });
  }
  finish_colour(layers.colour, samples);
  finish_colour(layers.albedo, samples);
  control.step(1);
  return layers;
}

Mask Renderer::shadow(const View& view, const Control& control) const {
  require_valid(view, 1);
  const Surface& surface = prepared_->mesh.surface;
  const auto [lowest, highest] =
      std::minmax_element(surface.vertices.begin(), surface.vertices.end(),
                          [](const Float3& a, const Float3& b) { return a[2] < b[2]; });
  const float floor = (*lowest)[2], height = (*highest)[2] - floor;
  Mask shadow(view.width, view.height);
  // Seen from below, the floor would hide the mesh, so it gets no shadow.
  if (view.pose[11] <= floor) return shadow;

  // Two shadows are added: a wide one, because all of the mesh hides some of the sky, and a tight one where
  // it nearly touches the floor.
  constexpr float kNear = 0.1f;  // share of the height
  constexpr float kWide = 0.45f, kTight = 0.55f;
  const int side = std::max(view.width, view.height);
  std::vector<Int3> low_faces;
  for (const Int3& face : surface.faces) {
    if (surface.vertices[face[0]][2] <= floor + kNear * height) low_faces.push_back(face);
  }
  std::vector<Float3> flat = surface.vertices;
  for (Float3& v : flat) v[2] = floor;
  const auto add = [&](const std::vector<Int3>& faces, float strength, int radius) {
    if (faces.empty()) return;
    control.cancel.check();
    Raster raster(flat, faces, view);
    raster.shoot(0);
    Mask mask(view.width, view.height);
    for (size_t i = 0; i < mask.values.size(); ++i) {
      mask.values[i] = raster.hit(static_cast<int64_t>(i)) == kernels::kNoHit ? 0.0f : strength;
    }
    render::blur(mask, std::max(radius, 1));
    for (size_t i = 0; i < mask.values.size(); ++i) shadow.values[i] += mask.values[i];
  };
  add(surface.faces, kWide, side / 24);
  add(low_faces, kTight, side / 80);
  return shadow;
}

}  // namespace relievo

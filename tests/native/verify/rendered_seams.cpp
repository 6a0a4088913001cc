// A textured mesh, rendered, shows the field's colours across the borders of its charts.
#include <map>
#include <set>

#include "../texture/shapes.h"
#include "render/render.h"
#include "texture/texture.h"

namespace relievo {
namespace {

/// The places where edges of the mesh are borders of charts, as cells of a grid over the model box.
class Borders {
 public:
  explicit Borders(const TexturedMesh& mesh) {
    std::map<std::pair<int32_t, int32_t>, std::pair<Float2, Float2>> seen;
    for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
      for (int c = 0; c < 3; ++c) {
        const int32_t from = mesh.surface.faces[f][c], to = mesh.surface.faces[f][(c + 1) % 3];
        std::pair<Float2, Float2> uv{mesh.corner_uv[f][c], mesh.corner_uv[f][(c + 1) % 3]};
        if (from > to) std::swap(uv.first, uv.second);
        const auto [other, is_first] = seen.emplace(std::minmax(from, to), uv);
        if (!is_first && other->second != uv) add(mesh.surface.vertices[from], mesh.surface.vertices[to]);
      }
    }
  }

  bool is_near(const Float3& point) const {
    const Int3 middle = cell_of(point);
    for (int i = 0; i < 27; ++i) {
      if (cells_.contains({middle[0] + i % 3 - 1, middle[1] + i / 3 % 3 - 1, middle[2] + i / 9 - 1}))
        return true;
    }
    return false;
  }

 private:
  static constexpr float kCell = 0.003f;

  static Int3 cell_of(const Float3& p) {
    Int3 cell;
    for (int axis = 0; axis < 3; ++axis) cell[axis] = static_cast<int32_t>(std::floor(p[axis] / kCell));
    return cell;
  }

  void add(const Float3& a, const Float3& b) {
    const float length = std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
    const int steps = static_cast<int>(length / kCell * 2) + 1;
    for (int i = 0; i <= steps; ++i) {
      Float3 p;
      for (int axis = 0; axis < 3; ++axis)
        p[axis] = std::lerp(a[axis], b[axis], static_cast<float>(i) / static_cast<float>(steps));
      cells_.insert(cell_of(p));
    }
  }

  std::set<Int3> cells_;
};

struct Compared {
  double psnr = 0;
  int64_t pixels = 0;
};

/// The rendered albedo beside the field's colour at each pixel that lies on a border.
Compared compare_at_borders(const Renderer& renderer, const std::vector<View>& views, const Borders& borders,
                            const Field& field) {
  double sum = 0;
  Compared result;
  for (const View& view : views) {
    const Layers layers = renderer.render(view, /*samples=*/1);
    std::vector<size_t> pixels;
    for (size_t i = 0; i < layers.position.size(); ++i) {
      if (layers.depth[i] < kNoDepth && borders.is_near(layers.position[i])) pixels.push_back(i);
    }
    at::Tensor points = at::empty({static_cast<int64_t>(pixels.size()), 3});
    for (size_t k = 0; k < pixels.size(); ++k)
      std::copy_n(layers.position[pixels[k]].data(), 3, points.data_ptr<float>() + 3 * k);
    const at::Tensor real = field.colours(points).contiguous();
    for (size_t k = 0; k < pixels.size(); ++k) {
      for (int c = 0; c < 3; ++c) {
        const double seen = srgb_from_linear(layers.albedo.pixels[4 * pixels[k] + c]);
        const double difference = seen - real.data_ptr<float>()[3 * k + c];
        sum += difference * difference;
      }
    }
    result.pixels += std::ssize(pixels);
  }
  result.psnr = -10 * std::log10(sum / static_cast<double>(3 * result.pixels));
  return result;
}

TEST(RenderedSeams, ShowTheFieldsColourFromAfarAndNearBy) {
  const PaintedField field = waves(1.5f);
  const TexturedMesh mesh =
      texture_surface(bumpy_ball(40), field, {}, {.size = 2048, .vertex_colours = false}, {});
  const Renderer renderer(mesh);
  const Borders borders(mesh);
  const std::vector<Angle> around{{0, 10}, {90, -20}, {180, 30}, {270, 0}, {45, 70}, {200, -70}};
  // The mesh is rendered as a whole, two texels to a pixel, and from near by, several pixels to a texel.
  for (const double zoom : {1.0, 6.0}) {
    std::vector<View> views = framed_views(mesh.surface, around, 700);
    for (View& view : views) view.fov_y_degrees /= zoom;
    const Compared compared = compare_at_borders(renderer, views, borders, field);
    EXPECT_GT(compared.pixels, 1000) << zoom;
    EXPECT_GE(compared.psnr, 40) << zoom;
  }
}

}  // namespace
}  // namespace relievo

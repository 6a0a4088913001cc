#include "texture/texture.h"

#include <limits>
#include <map>

#include <fmt/format.h>

#include "base/camera.h"
#include "base/parallel.h"
#include "base/vectors.h"
#include "base/vertex_normals.h"
#include "shapes.h"
#include "texture/texels.h"

namespace relievo {
namespace {

/// An 8-bit texture and its mip levels, each the mean of four texels of the one before, sampled bilinearly.
class Mips {
 public:
  explicit Mips(const ByteImage& image) {
    levels_.push_back(from_bytes(image));
    while (levels_.back().width > 1) {
      const Image& fine = levels_.back();
      Image coarse(fine.width / 2, fine.height / 2, 3);
      for (int y = 0; y < coarse.height; ++y) {
        for (int x = 0; x < coarse.width; ++x) {
          for (int c = 0; c < 3; ++c) {
            coarse.pixel(x, y)[c] = (fine.pixel(2 * x, 2 * y)[c] + fine.pixel(2 * x + 1, 2 * y)[c] +
                                     fine.pixel(2 * x, 2 * y + 1)[c] + fine.pixel(2 * x + 1, 2 * y + 1)[c]) /
                                    4;
          }
        }
      }
      levels_.push_back(std::move(coarse));
    }
  }

  Float3 sample(const Float2& uv, int level) const {
    const Image& image = levels_[level];
    const auto last = static_cast<float>(image.width - 1);
    const float x = std::clamp(uv[0] * static_cast<float>(image.width) - 0.5f, 0.0f, last - 1e-3f);
    const float y = std::clamp((1 - uv[1]) * static_cast<float>(image.height) - 0.5f, 0.0f, last - 1e-3f);
    const int left = static_cast<int>(x), top = static_cast<int>(y);
    Float3 colour;
    for (int c = 0; c < 3; ++c) {
      colour[c] = std::lerp(
          std::lerp(image.pixel(left, top)[c], image.pixel(left + 1, top)[c], x - left),
          std::lerp(image.pixel(left, top + 1)[c], image.pixel(left + 1, top + 1)[c], x - left), y - top);
    }
    return colour;
  }

 private:
  std::vector<Image> levels_;
};

Float3 point_of(const TexturedMesh& mesh, size_t face, float w1, float w2) {
  Float3 point;
  const Int3& f = mesh.surface.faces[face];
  for (int axis = 0; axis < 3; ++axis) {
    point[axis] = (1 - w1 - w2) * mesh.surface.vertices[f[0]][axis] + w1 * mesh.surface.vertices[f[1]][axis] +
                  w2 * mesh.surface.vertices[f[2]][axis];
  }
  return point;
}

Float2 uv_of(const TexturedMesh& mesh, size_t face, float w1, float w2) {
  const auto& c = mesh.corner_uv[face];
  return {(1 - w1 - w2) * c[0][0] + w1 * c[1][0] + w2 * c[2][0],
          (1 - w1 - w2) * c[0][1] + w1 * c[1][1] + w2 * c[2][1]};
}

Float3 colour_of(const Field& field, const Float3& point) {
  const at::Tensor colour =
      field.colours(at::tensor({point[0], point[1], point[2]}).view({1, 3})).contiguous();
  return {colour.data_ptr<float>()[0], colour.data_ptr<float>()[1], colour.data_ptr<float>()[2]};
}

/// Faces that have an edge at a chart's border, with the two corners of that edge.
std::vector<std::array<int, 3>> border_edges(const TexturedMesh& mesh) {
  using Half = std::array<int, 3>;
  std::map<std::pair<int32_t, int32_t>, std::vector<Half>> edges;
  for (int f = 0; f < static_cast<int>(mesh.surface.faces.size()); ++f) {
    if (uv_area(mesh.corner_uv[f]) == 0) continue;
    for (int c = 0; c < 3; ++c) {
      const auto edge = std::minmax({mesh.surface.faces[f][c], mesh.surface.faces[f][(c + 1) % 3]});
      edges[edge].push_back({f, c, (c + 1) % 3});
    }
  }
  std::vector<Half> border;
  for (const auto& [edge, halves] : edges) {
    const auto uv = [&](const Half& half, int end) { return mesh.corner_uv[half[0]][half[end]]; };
    const bool is_one =
        halves.size() == 2 && uv(halves[0], 1) == uv(halves[1], 2) && uv(halves[0], 2) == uv(halves[1], 1);
    if (!is_one) border.insert(border.end(), halves.begin(), halves.end());
  }
  return border;
}

/// Mean squared difference between texture and field on the borders of the charts.
double border_error(const TexturedMesh& mesh, const Mips& mips, int level, const Field& field) {
  double sum = 0;
  int64_t count = 0;
  for (const auto& [f, first, second] : border_edges(mesh)) {
    for (int i = 0; i < 4; ++i) {
      std::array<float, 3> w{0, 0, 0};
      w[first] = (static_cast<float>(i) + 0.5f) / 4;
      w[second] = 1 - w[first];
      const Float3 seen = mips.sample(uv_of(mesh, f, w[1], w[2]), level);
      const Float3 real = colour_of(field, point_of(mesh, f, w[1], w[2]));
      for (int c = 0; c < 3; ++c) sum += (seen[c] - real[c]) * (seen[c] - real[c]);
      count += 3;
    }
  }
  return sum / static_cast<double>(count);
}

double psnr(double error) { return -10 * std::log10(error); }

TEST(TextureSeams, ShowTheFieldsColourAcrossChartBorders) {
  const PaintedField field = waves(1.5f);
  const TexturedMesh mesh =
      texture_surface(bumpy_ball(40), field, {}, {.size = 2048, .vertex_colours = false}, {});
  const Mips mips(mesh.albedo);
  EXPECT_GE(psnr(border_error(mesh, mips, 0, field)), 40);
  EXPECT_GE(psnr(border_error(mesh, mips, 1, field)), 40);
  EXPECT_GE(psnr(border_error(mesh, mips, 2, field)), 40);
  EXPECT_GE(psnr(border_error(mesh, mips, 3, field)), 30);  // its texels are half as wide as the gap
}

TEST(Texture, ShowsTheFieldsColourInside) {
  const PaintedField field = waves(1.5f);
  const TexturedMesh mesh = texture_surface(ball(0.7f), field, {}, {.size = 512}, {});
  const Mips mips(mesh.albedo);
  size_t compared = 0;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    if (uv_area(mesh.corner_uv[f]) == 0) continue;
    ++compared;
    const Float3 seen = mips.sample(uv_of(mesh, f, 0.3f, 0.3f), 0);
    const Float3 real = colour_of(field, point_of(mesh, f, 0.3f, 0.3f));
    for (int c = 0; c < 3; ++c) ASSERT_NEAR(seen[c], real[c], 0.02f) << "face " << f;
  }
  EXPECT_GT(compared, mesh.surface.faces.size() / 2);
}

TEST(Texture, ColoursTheVerticesLikeTheField) {
  const PaintedField field = waves(1);
  const TexturedMesh mesh = texture_surface(ball(0.7f, 10), field, {}, {.size = 64}, {});
  ASSERT_EQ(mesh.vertex_colours.size(), mesh.surface.vertices.size());
  for (size_t v = 0; v < mesh.vertex_colours.size(); ++v) {
    const Float3 real = colour_of(field, mesh.surface.vertices[v]);
    for (int c = 0; c < 3; ++c) ASSERT_NEAR(mesh.vertex_colours[v][c], real[c], 1e-5f);
  }
}

TEST(Texture, KeepsBlackBlack) {
  // Black below, white above: no texel of a black face is lightened, nor are those around it filled in as if
  // they were holes.
  const PaintedField field([](const at::Tensor& p) {
    return (p.slice(1, 2, 3) > 0).to(at::kFloat).expand({p.size(0), 3});
  });
  const TexturedMesh mesh = texture_surface(ball(0.7f), field, {}, {.size = 512}, {});
  const Mips mips(mesh.albedo);
  int black = 0;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    if (uv_area(mesh.corner_uv[f]) == 0 || point_of(mesh, f, 0.3f, 0.3f)[2] > -0.1f) continue;
    ASSERT_EQ(mips.sample(uv_of(mesh, f, 0.3f, 0.3f), 0)[0], 0) << "face " << f;
    ++black;
  }
  EXPECT_GT(black, 500);
}

TEST(Texture, IsBlackAllOverWhereTheFieldIs) {
  const TexturedMesh mesh = texture_surface(ball(0.7f, 10), plain(0, 0, 0), {}, {.size = 256}, {});
  EXPECT_EQ(*std::ranges::max_element(mesh.albedo.pixels), 0);
}

TEST(Texture, GrowsColoursAtLeastSixteenTexelsBeyondTheCharts) {
  // A field of one colour: every texel of the padding has it, and so does every other.
  const TexturedMesh mesh = texture_surface(ball(0.7f, 10), plain(0.2f, 0.6f, 1), {}, {.size = 512}, {});
  for (size_t i = 0; i < mesh.albedo.pixels.size(); i += 3) {
    ASSERT_EQ(mesh.albedo.pixels[i], 51);
    ASSERT_EQ(mesh.albedo.pixels[i + 1], 153);
    ASSERT_EQ(mesh.albedo.pixels[i + 2], 255);
  }
}

TEST(Texture, ReportsItsAtlas) {
  const TexturedMesh mesh = texture_surface(ball(0.7f), plain(1, 1, 1), {}, {.size = 64}, {});
  EXPECT_GE(mesh.texture_report.charts, 2);
  EXPECT_GE(mesh.texture_report.coverage, 0.6);
  EXPECT_GE(mesh.texture_report.mean_stretch, 1);
  EXPECT_GT(mesh.texture_report.gap, 0);
}

TEST(Texture, LeavesTheSurfaceAsItIs) {
  const Surface surface = ball(0.7f, 10);
  const TexturedMesh mesh = texture_surface(surface, plain(1, 1, 1), {}, {.size = 64}, {});
  EXPECT_EQ(mesh.surface.vertices, surface.vertices);
  EXPECT_EQ(mesh.surface.faces, surface.faces);
}

TEST(Texture, AsksTheFieldForNoMoreThanTheBudgetAllows) {
  const PaintedField field = plain(1, 1, 1);
  Execution small;
  small.byte_budget = int64_t{16} << 20;
  const TexturedMesh mesh = texture_surface(ball(0.7f, 10), field, {}, {.size = 512}, small);
  EXPECT_LE(field.largest_batch, 2048);
  EXPECT_GE(field.asked, 512 * 512 / 2);
}

TEST(Texture, IsTheSameWithinAnyBudget) {
  Execution small;
  small.byte_budget = int64_t{1} << 20;
  const Surface surface = ball(0.7f, 10);
  const TexturedMesh a = texture_surface(surface, waves(1), {}, {.size = 256}, {});
  const TexturedMesh b = texture_surface(surface, waves(1), {}, {.size = 256}, small);
  EXPECT_EQ(a.albedo.pixels, b.albedo.pixels);
}

TEST(Texture, TexturesOneTriangle) {
  Surface surface;
  surface.vertices = {{0, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  surface.faces = {{0, 1, 2}};
  const TexturedMesh mesh = texture_surface(surface, plain(1, 0, 0), {}, {.size = 512}, {});
  EXPECT_EQ(mesh.albedo.pixel(256, 256)[0], 255);
  EXPECT_EQ(mesh.albedo.pixel(256, 256)[1], 0);
}

TEST(Texture, RefusesSizesOutOfRange) {
  for (const int size : {63, 8193, 0, -1}) {
    expect_error(ErrorCode::kInvalidSettings, fmt::format("Invalid texture size '{}'.", size),
                 [&] { texture_surface(ball(0.7f, 4), plain(1, 1, 1), {}, {.size = size}, {}); });
  }
}

TEST(Texture, RefusesASurfaceWithoutFaces) {
  expect_error(ErrorCode::kEmptySurface, "There is no surface to texture.",
               [] { texture_surface({}, plain(1, 1, 1), {}, {.size = 512}, {}); });
}

TEST(Texture, RefusesColoursThatAreNotFinite) {
  const PaintedField field = plain(1, std::numeric_limits<float>::quiet_NaN(), 0);
  expect_error(ErrorCode::kInternal, "The model gave colours that are not finite.",
               [&] { texture_surface(ball(0.7f, 4), field, {}, {.size = 64}, {}); });
}

TEST(Texture, StopsWhereverItIsCancelled) {
  for (const double when : {0.0, 0.1, 0.47, 0.6, 0.8, 0.9, 0.97}) {
    Control control;
    control.progress = Progress([&](double fraction) {
      if (fraction >= when) control.cancel.cancel();
    });
    const Surface surface = ball(0.7f, 12);
    SCOPED_TRACE(when);
    expect_error(ErrorCode::kCancelled, "", [&] {
      texture_surface(surface, plain(1, 1, 1), {.detail = &surface}, {.size = 256},
                      Execution{.control = control});
    });
  }
}

TEST(Texels, KnowWhereTheyLie) {
  const Surface surface = ball(0.7f);
  const TexturedMesh mesh = texture_surface(surface, plain(1, 1, 1), {}, {.size = 64}, {});
  const std::vector<Float3> normals = vertex_normals(surface);
  constexpr int kSize = 200;
  const TexelReader reader(surface, mesh.corner_uv, normals, kSize, {});
  ASSERT_EQ(reader.bands(), 1);
  const Texels texels = reader.band(0);
  ASSERT_GT(texels.inside, kSize * kSize / 2);
  ASSERT_GT(texels.number.size(0), texels.inside);
  const auto number = texels.number.accessor<int64_t, 1>();
  const auto face = texels.face.accessor<int32_t, 1>();
  const auto weights = texels.weights.accessor<float, 2>();
  const auto position = texels.positions.accessor<float, 2>(), normal = texels.normals.accessor<float, 2>();
  int64_t centred = 0;
  for (int64_t i = 0; i < number.size(0); ++i) {
    const Float2 uv = uv_of(mesh, face[i], weights[i][0], weights[i][1]);
    const float across = uv[0] * kSize - (static_cast<float>(number[i] % kSize) + 0.5f);
    const float down = (1 - uv[1]) * kSize - (static_cast<float>(number[i] / kSize) + 0.5f);
    const float off = std::hypot(across, down);
    centred += off < 1e-3f;
    ASSERT_LE(off, 1.501f);
    // The point lies on the ball, up to its flat faces, and its normal points away from the middle.
    const Float3 p{position[i][0], position[i][1], position[i][2]};
    ASSERT_NEAR(length(p), 0.7f, 0.01f);
    ASSERT_GT(dot(p, {normal[i][0], normal[i][1], normal[i][2]}), 0.69f);
  }
  // A rim texel's centre may lie on a border all but exactly.
  EXPECT_NEAR(static_cast<double>(centred), static_cast<double>(texels.inside), 10);
}

}  // namespace
}  // namespace relievo

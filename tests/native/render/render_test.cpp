#include "render/render.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../files/sample_mesh.h"
#include "../files/samples.h"
#include "base/parallel.h"

namespace relievo {
namespace {

constexpr int kSide = 64;

/// The sample box from the front, 10 m before its middle.
View front_view(int side = kSide) { return {look_at({0.25, -9.5, 0.75}, {0.25, 0.5, 0.75}), 40, side, side}; }

/// A square of 2 x 2 m in the plane y = 0 that faces -Y; its texture lies on it once, upright.
TexturedMesh square() {
  TexturedMesh mesh;
  mesh.surface.vertices = {{-1, 0, -1}, {1, 0, -1}, {1, 0, 1}, {-1, 0, 1}};
  mesh.surface.faces = {{0, 1, 2}, {0, 2, 3}};
  mesh.corner_uv = {{{{0, 0}, {1, 0}, {1, 1}}}, {{{0, 0}, {1, 1}, {0, 1}}}};
  mesh.albedo = ByteImage(2, 2, 3, 255);
  return mesh;
}

View square_view(double distance, int side = kSide) { return {look_at({0, -distance, 0}), 40, side, side}; }

TEST(Render, DepthAndPositionLieOnThePixelsRay) {
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  View view = front_view();
  view.pose = look_at({5, -7, 6}, {0.25, 0.5, 0.75});
  const Layers layers = renderer.render(view, 1);
  int covered = 0;
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      const size_t i = static_cast<size_t>(row) * kSide + static_cast<size_t>(column);
      if (layers.depth[i] == kNoDepth) continue;
      ++covered;
      const Ray ray = pixel_ray(view.pose, view.fov_y_degrees, kSide, column, row);
      double along = 0;  // the viewing axis
      for (int axis = 0; axis < 3; ++axis) along -= ray.direction[axis] * view.pose[axis * 4 + 2];
      for (int axis = 0; axis < 3; ++axis) {
        const double expected = ray.origin[axis] + ray.direction[axis] * layers.depth[i] / along;
        ASSERT_NEAR(layers.position[i][axis], expected, 1e-5) << column << ", " << row;
      }
      // The point lies on the box: on a side in one axis, between the sides in the others.
      const Float3 p = layers.position[i];
      const double outside =
          std::max({std::abs(p[0] - 0.25) - 0.75, std::abs(p[1] - 0.5) - 1.5, std::abs(p[2] - 0.75) - 2.25});
      ASSERT_NEAR(outside, 0, 1e-5);
    }
  }
  EXPECT_GT(covered, 200);
}

TEST(Render, ShowsTheNearestSideUpright) {
  const TexturedMesh mesh = sample_mesh();
  const Layers layers = Renderer(mesh).render(front_view(), 4);
  // The front spans -0.5..1 and -1.5..3 at a depth of 8.5: its corners show the texels' colours.
  const double focal = focal_length(40) * kSide;
  const auto albedo_at = [&](double x, double z) {
    const int column = static_cast<int>(kSide / 2.0 + (x - 0.25) / 8.5 * focal);
    const int row = static_cast<int>(kSide / 2.0 - (z - 0.75) / 8.5 * focal);
    const float* p = layers.albedo.pixel(column, row);
    return std::array<int, 4>{static_cast<int>(std::lround(p[0])), static_cast<int>(std::lround(p[1])),
                              static_cast<int>(std::lround(p[2])), static_cast<int>(std::lround(p[3]))};
  };
  EXPECT_EQ(albedo_at(-0.4, 2.7), (std::array<int, 4>{1, 0, 0, 1}));
  EXPECT_EQ(albedo_at(0.9, 2.7), (std::array<int, 4>{0, 1, 0, 1}));
  EXPECT_EQ(albedo_at(-0.4, -1.2), (std::array<int, 4>{0, 0, 1, 1}));
  EXPECT_EQ(albedo_at(0.9, -1.2), (std::array<int, 4>{1, 1, 0, 1}));
  EXPECT_EQ(albedo_at(1.5, 0), (std::array<int, 4>{0, 0, 0, 0}));
}

TEST(Render, AlphaIsTheCoveredShareOfEachPixel) {
  TexturedMesh mesh = square();
  constexpr double kTurn = 0.3;  // so that the edges cross the pixels
  for (Float3& v : mesh.surface.vertices) {
    v = {static_cast<float>(v[0] * std::cos(kTurn) - v[2] * std::sin(kTurn)), 0,
         static_cast<float>(v[0] * std::sin(kTurn) + v[2] * std::cos(kTurn))};
  }
  const Layers layers = Renderer(mesh).render(square_view(6), 64);
  double area = 0;
  int partial = 0;
  for (size_t i = 3; i < layers.colour.pixels.size(); i += 4) {
    area += layers.colour.pixels[i];
    partial += layers.colour.pixels[i] > 0 && layers.colour.pixels[i] < 1 ? 1 : 0;
  }
  const double side = 2.0 / 6 * focal_length(40) * kSide;
  EXPECT_NEAR(area, side * side, 0.002 * side * side);
  EXPECT_GT(partial, 60);
}

TEST(Render, ColoursAtTheOutlineAreNotDarkened) {
  const TexturedMesh mesh = square();
  const Layers layers = Renderer(mesh).render(square_view(6.3), 16);
  int partial = 0;
  for (size_t i = 0; i < layers.albedo.pixels.size(); i += 4) {
    if (layers.albedo.pixels[i + 3] == 0) continue;
    partial += layers.albedo.pixels[i + 3] < 1 ? 1 : 0;
    ASSERT_NEAR(layers.albedo.pixels[i], 1, 1e-5);  // white throughout, straight alpha
  }
  EXPECT_GT(partial, 20);
}

TEST(Render, GivesTheSameOnAnyNumberOfThreads) {
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  const int before = parallel_threads();
  set_parallel_threads(1);
  const Layers one = renderer.render(front_view(), 4);
  set_parallel_threads(5);
  const Layers five = renderer.render(front_view(), 4);
  set_parallel_threads(before);
  EXPECT_EQ(one.colour.pixels, five.colour.pixels);
  EXPECT_EQ(one.depth, five.depth);
}

// A fine check pattern from afar is an even grey of half the light: no moiré, and mip levels in linear light.
TEST(Render, AveragesATextureFromAfarInLinearLight) {
  TexturedMesh mesh = square();
  mesh.albedo = ByteImage(512, 512, 3);
  for (int y = 0; y < 512; ++y) {
    for (int x = 0; x < 512; ++x) std::fill_n(mesh.albedo.pixel(x, y), 3, (x + y) % 2 == 0 ? 255 : 0);
  }
  const Layers layers = Renderer(mesh).render(square_view(6), 4);
  int inside = 0;
  for (size_t i = 0; i < layers.albedo.pixels.size(); i += 4) {
    if (layers.albedo.pixels[i + 3] < 1) continue;
    ++inside;
    ASSERT_NEAR(layers.albedo.pixels[i], 0.5, 0.02);
  }
  EXPECT_GT(inside, 500);
}

TEST(Render, ATextureNearByIsSharp) {
  TexturedMesh mesh = square();
  mesh.albedo = ByteImage(8, 8, 3);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) std::fill_n(mesh.albedo.pixel(x, y), 3, (x + y) % 2 == 0 ? 255 : 0);
  }
  const Layers layers = Renderer(mesh).render(square_view(3), 1);
  const auto [low, high] = std::minmax_element(layers.albedo.pixels.begin(), layers.albedo.pixels.end());
  EXPECT_LT(*low, 0.01);
  int black = 0;
  for (size_t i = 0; i < layers.albedo.pixels.size(); i += 4) {
    black += layers.albedo.pixels[i + 3] == 1 && layers.albedo.pixels[i] < 0.05 ? 1 : 0;
  }
  EXPECT_GT(black, 50);
  EXPECT_GT(*high, 0.95);
}

Float3 middle_normal(const TexturedMesh& mesh, const View& view) {
  return Renderer(mesh).render(view, 1).normal[kSide / 2 * kSide + kSide / 2];
}

TEST(Render, TheNormalMapTurnsNormalsAlongTheTexture) {
  TexturedMesh mesh = square();
  const double s = std::numbers::sqrt2 / 2;
  // 45 degrees along +u, which is +X here; then along +v, which is +Z.
  mesh.normal_map = ByteImage(2, 2, 3);
  const auto fill = [&](std::array<uint8_t, 3> direction) {
    for (int i = 0; i < 4; ++i) std::copy_n(direction.begin(), 3, &mesh.normal_map.pixels[i * 3]);
  };
  fill({218, 128, 218});
  Float3 normal = middle_normal(mesh, square_view(6));
  EXPECT_NEAR(normal[0], s, 0.01);
  EXPECT_NEAR(normal[1], -s, 0.01);
  EXPECT_NEAR(normal[2], 0, 0.01);
  fill({128, 218, 218});
  normal = middle_normal(mesh, square_view(6));
  EXPECT_NEAR(normal[0], 0, 0.01);
  EXPECT_NEAR(normal[2], s, 0.01);
  // Mirrored UVs turn u around, and v stays up.
  for (auto& uv : mesh.corner_uv) {
    for (Float2& corner : uv) corner[0] = 1 - corner[0];
  }
  normal = middle_normal(mesh, square_view(6));
  EXPECT_NEAR(normal[2], s, 0.01);
  fill({218, 128, 218});
  normal = middle_normal(mesh, square_view(6));
  EXPECT_NEAR(normal[0], -s, 0.01);
}

TEST(Render, SeesNormalsOfTheSideThatFacesTheCamera) {
  const TexturedMesh mesh = square();
  EXPECT_NEAR(middle_normal(mesh, square_view(6))[1], -1, 1e-6);
  const View behind{look_at({0, 6, 0}), 40, kSide, kSide};
  EXPECT_NEAR(middle_normal(mesh, behind)[1], 1, 1e-6);
}

TEST(Render, LightsWhatFacesTheKeyMore) {
  const Matrix4 pose = look_at({0, -5, 0});
  TexturedMesh mesh = square();
  const Renderer renderer(mesh);
  const auto brightness = [&](const Vector3& from) {
    const Layers layers = renderer.render({look_at(from), 40, kSide, kSide}, 1);
    return layers.colour.pixel(kSide / 2, kSide / 2)[0];
  };
  EXPECT_GT(brightness({0, -6, 0}), 0.6f);
  EXPECT_LT(brightness({0, -6, 0}), 1.1f);
  // The key comes from the camera's left: a square that turns its face there is brighter than one turned
  // right.
  EXPECT_GT(brightness({3, -5, 0}), brightness({-3, -5, 0}));
  EXPECT_NE(pose[0], 0);
}

TEST(Render, ShowsVertexColoursWithoutATexture) {
  TexturedMesh mesh = square();
  mesh.albedo = {};
  mesh.corner_uv.clear();
  mesh.vertex_colours.assign(4, Float3{0.5f, 1, 0});
  const Layers layers = Renderer(mesh).render(square_view(6), 1);
  const float* p = layers.albedo.pixel(kSide / 2, kSide / 2);
  EXPECT_NEAR(p[0], 0.214041, 1e-5);  // IEC 61966-2-1
  EXPECT_NEAR(p[1], 1, 1e-6);
  EXPECT_NEAR(p[2], 0, 1e-6);
}

TEST(Render, TakesPicturesThatAreNotSquare) {
  const TexturedMesh mesh = square();
  View view = square_view(6);
  view.width = 100;
  view.height = 30;
  const Layers layers = Renderer(mesh).render(view, 64);
  double area = 0;
  for (size_t i = 3; i < layers.colour.pixels.size(); i += 4) area += layers.colour.pixels[i];
  const double side = 2.0 / 6 * focal_length(40) * 30;
  EXPECT_NEAR(area, side * side, 0.01 * side * side);
}

TEST(Render, RefusesWhatItCannotRender) {
  TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  View view = front_view();
  view.width = 0;
  expect_error(ErrorCode::kInvalidSettings, "0 x 64", [&] { renderer.render(view); });
  expect_error(ErrorCode::kInvalidSettings, "of 0 samples", [&] { renderer.render(front_view(), 0); });
  expect_error(ErrorCode::kEmptySurface, "no faces", [] { const Renderer r{TexturedMesh{}}; });
  mesh.surface.faces[2][1] = 8;
  expect_error(ErrorCode::kInternal, "do not fit together", [&] { const Renderer r(mesh); });
}

TEST(Render, StopsWhenCancelled) {
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  Control control;
  control.progress = Progress([&](double fraction) {
    if (fraction > 0.4) control.cancel.cancel();
  });
  try {
    renderer.render(front_view(), 16, control);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(FramedViews, ShowTheWholeMeshAsLargeAsFits) {
  const TexturedMesh mesh = sample_mesh();
  const std::vector<View> views =
      framed_views(mesh.surface, {{0, 0}, {90, 20}, {200, -10}, {45, 89}}, 256, 0.1);
  double reached = 0;
  for (const View& view : views) {
    const Matrix4 inverse = inverse_pose(view.pose);
    for (const Float3& v : mesh.surface.vertices) {
      std::array<double, 3> p{};
      for (int row = 0; row < 3; ++row) {
        p[row] = inverse[row * 4 + 3];
        for (int axis = 0; axis < 3; ++axis) p[row] += inverse[row * 4 + axis] * v[axis];
      }
      const double focal = focal_length(view.fov_y_degrees);
      reached = std::max({reached, std::abs(p[0] / p[2] * focal), std::abs(p[1] / p[2] * focal)});
    }
  }
  EXPECT_NEAR(reached, 0.4, 1e-6);  // half a side less the margin
}

TEST(FramedViews, StartAtTheFrontAndGoToItsRight) {
  const TexturedMesh mesh = sample_mesh();
  const std::vector<View> views = framed_views(mesh.surface, {{0, 0}, {90, 0}, {0, 90}}, 64);
  EXPECT_LT(views[0].pose[7], -5);  // from -Y
  EXPECT_GT(views[1].pose[3], 5);   // from +X
  EXPECT_GT(views[2].pose[11], 5);  // from above
}

TEST(Shadow, LiesBelowTheMeshAndNotUnderACameraFromBelow) {
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  const auto views = framed_views(mesh.surface, {{0, 20}, {0, -20}}, kSide);
  const Mask above = renderer.shadow(views[0]), below = renderer.shadow(views[1]);
  const auto rows = [&](const Mask& mask, int first, int last) {
    double sum = 0;
    for (int y = first; y < last; ++y) {
      for (int x = 0; x < kSide; ++x) sum += mask.at(x, y);
    }
    return sum;
  };
  EXPECT_GT(rows(above, kSide / 2, kSide), 20);
  EXPECT_LT(rows(above, 0, kSide / 4), 1);
  EXPECT_LE(*std::max_element(above.values.begin(), above.values.end()), 1.001f);
  EXPECT_EQ(rows(below, 0, kSide), 0);
}

}  // namespace
}  // namespace relievo

#include "finish/finish.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/parallel.h"
#include "finish/flat_base.h"
#include "finish/levels.h"
#include "finish/polygon.h"
#include "finish/prepare.h"
#include "finish/symmetry.h"
#include "surface/surface.h"

namespace relievo {
namespace {

using testing::HasSubstr;

/// A ball of `rings` rings with one vertex a place, whose UVs are those of a map of the world.
MeshFile ball(int rings) {
  MeshFile mesh;
  const int columns = 2 * rings;
  const auto number = [&](int row, int column) {
    return row == 0 ? 0 : row == rings ? 1 : 2 + (row - 1) * columns + column % columns;
  };
  mesh.surface.vertices = {{0, 0, 1}, {0, 0, -1}};
  for (int row = 1; row < rings; ++row) {
    for (int column = 0; column < columns; ++column) {
      const double polar = std::numbers::pi * row / rings, around = std::numbers::pi * 2 * column / columns;
      mesh.surface.vertices.push_back({static_cast<float>(std::sin(polar) * std::cos(around)),
                                       static_cast<float>(std::sin(polar) * std::sin(around)),
                                       static_cast<float>(std::cos(polar))});
    }
  }
  const auto uv = [&](int row, int column) {
    return Float2{static_cast<float>(column) / static_cast<float>(columns),
                  1 - static_cast<float>(row) / static_cast<float>(rings)};
  };
  const auto add = [&](std::array<std::array<int, 2>, 3> corners) {
    Int3& face = mesh.surface.faces.emplace_back();
    auto& of_face = mesh.corner_uv.emplace_back();
    for (size_t c = 0; c < 3; ++c) {
      face[c] = number(corners[c][0], corners[c][1]);
      of_face[c] = uv(corners[c][0], corners[c][1]);
    }
  };
  for (int row = 0; row < rings; ++row) {
    for (int column = 0; column < columns; ++column) {
      if (row + 1 < rings) add({{{row, column}, {row + 1, column}, {row + 1, column + 1}}});
      if (row > 0) add({{{row, column}, {row + 1, column + 1}, {row, column + 1}}});
    }
  }
  mesh.face_texture.assign(mesh.surface.faces.size(), 0);
  mesh.textures.emplace_back(64, 64, 3, 200);
  return mesh;
}

double area(const std::vector<Double2>& points, const Int3& t) {
  const Double2 &a = points[t[0]], &b = points[t[1]], &c = points[t[2]];
  return ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2;
}

TEST(Triangulate, FillsARaggedOutlineWithHolesExactly) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> rough(0.8, 1.2);
  std::vector<Double2> points;
  std::vector<std::vector<int32_t>> loops;
  double expected = 0;
  // A ragged star around the origin, and four holes that run the other way.
  const auto add = [&](double x, double y, double radius, int corners, bool is_hole) {
    std::vector<int32_t>& loop = loops.emplace_back();
    for (int i = 0; i < corners; ++i) {
      const double angle = 2 * std::numbers::pi * (is_hole ? corners - i : i) / corners;
      const double r = radius * rough(random) * (i % 2 == 0 ? 1.0 : 0.7);
      loop.push_back(static_cast<int32_t>(points.size()));
      points.push_back({x + r * std::cos(angle), y + r * std::sin(angle)});
    }
    for (size_t i = 0; i < loop.size(); ++i) {
      const Double2 &a = points[loop[i]], &b = points[loop[(i + 1) % loop.size()]];
      expected += (a[0] * b[1] - a[1] * b[0]) / 2;
    }
  };
  add(0, 0, 10, 60, false);
  for (const auto& [x, y] : {std::pair{2.5, 2.0}, {-2.5, 2.0}, {2.5, -2.0}, {-2.5, -2.0}})
    add(x, y, 1, 14, true);
  add(40, 0, 3, 9, false);  // another outline beside it
  const std::vector<Int3> triangles = triangulate(points, loops, {});
  // Each hole adds two triangles to those of the outline, for its bridge.
  EXPECT_EQ(triangles.size(), 60u + 4 * (14 + 2) - 2 + 9 - 2);
  double sum = 0;
  for (const Int3& t : triangles) {
    EXPECT_GE(area(points, t), -1e-12);
    sum += area(points, t);
  }
  EXPECT_NEAR(sum, expected, 1e-9);
}

TEST(FlatBase, ClosesTwoLegsAndAHoleBetweenThem) {
  // A ring that stands upright: cut near its bottom it has one foot, cut higher it has two.
  MeshFile torus;
  constexpr int kAround = 48, kTube = 24;
  for (int i = 0; i < kAround; ++i) {
    for (int j = 0; j < kTube; ++j) {
      const double u = 2 * std::numbers::pi * i / kAround, v = 2 * std::numbers::pi * j / kTube;
      const double r = 2 + 0.5 * std::cos(v);
      torus.surface.vertices.push_back({static_cast<float>(r * std::cos(u)),
                                        static_cast<float>(-0.5 * std::sin(v)),
                                        static_cast<float>(r * std::sin(u))});
      const auto at = [&](int a, int b) { return a % kAround * kTube + b % kTube; };
      torus.surface.faces.push_back({at(i, j), at(i + 1, j), at(i + 1, j + 1)});
      torus.surface.faces.push_back({at(i, j), at(i + 1, j + 1), at(i, j + 1)});
    }
  }
  const double whole = inspect_surface(torus.surface).volume;
  ASSERT_GT(whole, 0);
  for (const float height : {0.3f, 2.5f}) {
    const Surface cut = cut_flat(torus.surface, height, {});
    const SurfaceReport report = inspect_surface(cut);
    EXPECT_TRUE(report.watertight && report.manifold) << height;
    EXPECT_EQ(report.components, 1);
    EXPECT_EQ(report.euler, height < 1 ? 0 : 2) << height;  // a ring, or an arch
    if (height > 1) {
      EXPECT_NEAR(report.volume, whole / 2, 1e-2 * whole);
    }
  }
}

TEST(Symmetry, AClosedBodyStaysClosedWhereverItIsCut) {
  for (const float moved : {0.0f, 0.013f, 0.4f}) {
    MeshFile mesh = ball(24);
    for (Float3& v : mesh.surface.vertices) v[0] += moved;
    fill_normals(mesh);
    for (const bool right : {false, true}) {
      const MeshFile made = made_symmetric(mesh, right, {});
      const SurfaceReport report = inspect_surface(made.surface);
      EXPECT_TRUE(report.watertight && report.manifold) << moved;
      EXPECT_EQ(report.components, 1);
      // A cap of the height h of a unit ball has the volume pi h^2 (1 - h / 3).
      const double h = right ? 1 + moved : 1 - moved;
      EXPECT_NEAR(report.volume, 2 * std::numbers::pi * h * h * (1 - h / 3), 0.02 * report.volume)
          << moved << right;
      EXPECT_EQ(made.normals.size(), made.surface.vertices.size());
      for (size_t v = 0; v < made.normals.size(); ++v) {
        if (made.surface.vertices[v][0] != 0) continue;
        EXPECT_EQ(made.normals[v][0], 0);
      }
    }
  }
}

TEST(Levels, VerticesKeepTheirPlacesAndUvs) {
  const MeshFile mesh = ball(40);
  const Surface surface = mesh.surface;
  const std::vector<DetailLevel> levels = make_levels(surface, mesh.corner_uv, 3, {});
  ASSERT_EQ(levels.size(), 3u);
  std::map<Float3, std::set<Float2>> known;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    for (size_t c = 0; c < 3; ++c) known[surface.vertices[surface.faces[f][c]]].insert(mesh.corner_uv[f][c]);
  }
  size_t before = surface.faces.size();
  for (const DetailLevel& level : levels) {
    EXPECT_LE(level.surface.faces.size(), before * 6 / 10);
    before = level.surface.faces.size();
    EXPECT_TRUE(inspect_surface(level.surface).watertight);
    for (size_t f = 0; f < level.surface.faces.size(); ++f) {
      for (size_t c = 0; c < 3; ++c) {
        const Float3& place = level.surface.vertices[level.surface.faces[f][c]];
        ASSERT_TRUE(known[place].contains(level.corner_uv[f][c]));
      }
    }
  }
}

TEST(Prepare, SharpEdgesStaySharpAndSeamsDoNot) {
  // Two faces that meet at a right angle, with a vertex for each corner.
  MeshFile mesh;
  mesh.surface.vertices = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  mesh.surface.faces = {{0, 1, 2}, {3, 4, 5}};
  fill_normals(mesh);
  EXPECT_EQ(surface_of(mesh).vertices.size(), 4u);  // smooth: one vertex a place
  mesh.normals.assign(6, {0, 0, 1});
  for (size_t v = 3; v < 6; ++v) mesh.normals[v] = {1, 0, 0};
  EXPECT_EQ(surface_of(mesh).vertices.size(), 6u);
}

TEST(Prepare, SaysWhyUvsCannotBeBaked) {
  MeshFile mesh = ball(12);
  EXPECT_EQ(why_no_uv(mesh, {}), "");
  MeshFile tiled = mesh;
  for (auto& uv : tiled.corner_uv) {
    for (Float2& corner : uv) corner[0] *= 3;
  }
  EXPECT_THAT(why_no_uv(tiled, {}), HasSubstr("reach beyond the texture"));
  MeshFile folded = mesh;
  for (auto& uv : folded.corner_uv) {
    for (Float2& corner : uv) corner[0] = std::abs(corner[0] - 0.5f);
  }
  EXPECT_THAT(why_no_uv(folded, {}), HasSubstr("lie over each other"));
  mesh.corner_uv.clear();
  EXPECT_EQ(why_no_uv(mesh, {}), "it has none");
}

TEST(Finish, StopsWhenItIsCancelled) {
  Control control;
  control.progress = Progress([&](double fraction) {
    if (fraction > 0.3) control.cancel.cancel();
  });
  try {
    finish_mesh(ball(60), "ball", {}, {.faces = 1000, .levels = 2, .occlusion = true}, control);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(Finish, IsTheSameOnOneThreadAndOnMany) {
  const FinishSettings settings{.faces = 800, .levels = 2, .occlusion = true, .bake = {.texture_size = 128}};
  const auto made = [&] { return finish_mesh(ball(40), "ball", {}, settings).result; };
  const GenerateResult first = made();
  const int threads = parallel_threads();
  set_parallel_threads(1);
  const GenerateResult second = made();
  set_parallel_threads(threads);
  EXPECT_EQ(first.mesh.albedo.pixels, second.mesh.albedo.pixels);
  EXPECT_EQ(first.mesh.normal_map.pixels, second.mesh.normal_map.pixels);
  EXPECT_EQ(first.mesh.occlusion.pixels, second.mesh.occlusion.pixels);
  EXPECT_EQ(first.mesh.levels[0].surface.faces, second.mesh.levels[0].surface.faces);
}

}  // namespace
}  // namespace relievo

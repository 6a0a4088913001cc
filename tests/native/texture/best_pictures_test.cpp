#include "texture/best_pictures.h"

#include "base/camera.h"
#include "base/own_view.h"
#include "shapes.h"
#include "texture/texture.h"

namespace relievo {
namespace {

constexpr int kSide = 128;

/// Orthographic pictures of the box from azimuths, and their pixels by a function of picture, column and row
/// (0..1).
Views views_at(const std::vector<double>& azimuths,
               const std::function<Float3(size_t, float, float)>& paint) {
  Views views;
  const auto count = static_cast<int64_t>(azimuths.size());
  views.pixels = at::empty({count, 3, kSide, kSide});
  views.cameras = at::empty({count, 16});
  auto pixels = views.pixels.accessor<float, 4>();
  auto cameras = views.cameras.accessor<float, 2>();
  for (int64_t v = 0; v < count; ++v) {
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const Float3 colour = paint(static_cast<size_t>(v), (static_cast<float>(x) + 0.5f) / kSide,
                                    (static_cast<float>(y) + 0.5f) / kSide);
        for (int64_t c = 0; c < 3; ++c) pixels[v][c][y][x] = colour[static_cast<size_t>(c)];
      }
    }
    const CameraVector camera = camera_vector(orbit_pose(azimuths[static_cast<size_t>(v)], 0, 1), 90);
    for (int64_t i = 0; i < 16; ++i) cameras[v][i] = camera[static_cast<size_t>(i)];
    views.is_orthographic.push_back(true);
  }
  return views;
}

TexturedMesh textured(const Surface& surface, const Views& views) {
  return texture_surface(surface, plain(0, 0, 1), {.views = &views, .from_best_view = true}, {.size = 256},
                         {});
}

TEST(BestPictures, ColourEachPartFromThePictureThatFacesIt) {
  // Both are grey in the large, and have stripes of their own: across in the front, down in the right.
  const Views views = views_at({0, 90}, [](size_t view, float x, float y) {
    const float wave = 0.5f + 0.3f * std::sin(2 * std::numbers::pi_v<float> * 16 * (view == 0 ? y : x));
    return Float3{wave, wave, wave};
  });
  const TexturedMesh mesh = textured(ball(0.8f, 64), views);
  for (size_t v = 0; v < mesh.surface.vertices.size(); ++v) {
    const Float3& p = mesh.surface.vertices[v];
    const float angle = std::atan2(p[1], p[0]) * 180 / std::numbers::pi_v<float>;
    if (std::abs(p[2]) > 0.3f || angle < 0 || angle > 90) continue;
    const float across = 0.5f + 0.3f * std::sin(2 * std::numbers::pi_v<float> * 16 * (1 - p[2]) / 2);
    const float down = 0.5f + 0.3f * std::sin(2 * std::numbers::pi_v<float> * 16 * (1 - p[0]) / 2);
    if (angle < 35) {
      EXPECT_NEAR(mesh.vertex_colours[v][0], across, 0.06f) << angle;
    }
    if (angle > 55) {
      EXPECT_NEAR(mesh.vertex_colours[v][0], down, 0.06f) << angle;
    }
  }
}

TEST(BestPictures, ShowNoSeamWhereExposuresDiffer) {
  const Views views = views_at({0, 90, 180, 270}, [](size_t view, float, float) {
    const float exposure = view % 2 == 0 ? 1 : 0.7f;
    return Float3{0.8f * exposure, 0.5f * exposure, 0.3f * exposure};
  });
  const TexturedMesh mesh = textured(ball(0.8f, 32), views);
  for (size_t v = 0; v < mesh.surface.vertices.size(); ++v) {
    EXPECT_NEAR(mesh.vertex_colours[v][0], 0.8f, 0.02f) << v;
    EXPECT_NEAR(mesh.vertex_colours[v][2], 0.3f, 0.02f) << v;
  }
}

TEST(BestPictures, KeepDifferencesThatAreNotOfTheExposure) {
  // A red front beside a green side, which both see the same edge between them.
  const Views views = views_at({0, 90}, [](size_t view, float, float) {
    return view == 0 ? Float3{0.9f, 0.1f, 0} : Float3{0, 0.7f, 0.2f};
  });
  const TexturedMesh mesh = textured(ball(0.8f, 32), views);
  for (size_t v = 0; v < mesh.surface.vertices.size(); ++v) {
    if (mesh.surface.vertices[v][0] > 0.75f) {
      EXPECT_NEAR(mesh.vertex_colours[v][0], 0.9f, 0.05f);
    }
    if (mesh.surface.vertices[v][1] > 0.75f) {
      EXPECT_NEAR(mesh.vertex_colours[v][1], 0.7f, 0.05f);
    }
  }
}

TEST(BestPictures, LeaveWhatLiesBehindSomethingToItsNeighbours) {
  // A red wall with a green one close before its middle; the front picture shows green there.
  Surface surface = wall(40, 0, 0.9f);
  append(surface, wall(10, 0.3f, 0.3f));
  const Views views = views_at({0}, [](size_t, float x, float y) {
    return std::max(std::abs(x - 0.5f), std::abs(y - 0.5f)) < 0.15f ? Float3{0, 0.8f, 0} : Float3{0.8f, 0, 0};
  });
  const TexturedMesh mesh = textured(surface, views);
  for (size_t v = 0; v < mesh.surface.vertices.size(); ++v) {
    const Float3& p = mesh.surface.vertices[v];
    const bool is_hidden = p[0] < 0.1f && std::max(std::abs(p[1]), std::abs(p[2])) < 0.25f;
    if (!is_hidden) continue;
    EXPECT_GT(mesh.vertex_colours[v][0], 0.7f) << p[1] << ' ' << p[2];
    EXPECT_LT(mesh.vertex_colours[v][1], 0.1f) << p[1] << ' ' << p[2];
  }
}

TEST(GrowOverSurface, BridgesAGapSmoothly) {
  const Surface strip = wall(20);
  std::vector<float> certain(strip.vertices.size(), 0);
  std::vector<Float3> colours(strip.vertices.size(), {5, 5, 5});
  for (size_t v = 0; v < certain.size(); ++v) {
    const float y = strip.vertices[v][1];
    if (std::abs(y) < 0.79f) continue;
    certain[v] = 1;
    colours[v] = {y < 0 ? 0.2f : 0.8f, 0, 0};
  }
  grow_over_surface(strip, certain, colours, {});
  float before = 0;
  for (int column = 0; column <= 20; ++column) {
    const float value = colours[static_cast<size_t>(10 * 21 + column)][0];
    EXPECT_GE(value, before - 1e-4f);
    EXPECT_LT(value - before, column == 0 ? 1.0f : 0.2f);
    before = value;
  }
  EXPECT_NEAR(colours[10 * 21 + 10][0], 0.5f, 0.05f);
}

TEST(GrowOverSurface, LeavesAComponentThatNobodySees) {
  Surface two = wall(4);
  append(two, wall(4, 0.5f));
  std::vector<float> certain(two.vertices.size(), 0);
  std::vector<Float3> colours(two.vertices.size(), {0.3f, 0, 0});
  certain[0] = 1;
  colours[0] = {0.9f, 0, 0};
  grow_over_surface(two, certain, colours, {});
  EXPECT_NEAR(colours[20][0], 0.9f, 1e-3f);
  EXPECT_EQ(colours.back()[0], 0.3f);
}

}  // namespace
}  // namespace relievo

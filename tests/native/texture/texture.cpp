#include "texture/texture.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/error.h"

namespace relievo {
namespace {

/// A ball of the given radius: triangles between circles of latitude, outward.
Surface ball(float radius, int rings = 24) {
  Surface surface;
  const int around = 2 * rings;
  for (int ring = 0; ring <= rings; ++ring) {
    for (int i = 0; i < around; ++i) {
      const float latitude = (static_cast<float>(ring) / static_cast<float>(rings) - 0.5f) * 3.14159265f;
      // Turned a little, so that the silhouette runs between vertices.
      const float longitude = (static_cast<float>(i) + 0.3f) / static_cast<float>(around) * 6.2831853f;
      surface.vertices.push_back({radius * std::cos(latitude) * std::cos(longitude),
                                  radius * std::cos(latitude) * std::sin(longitude),
                                  radius * std::sin(latitude)});
    }
  }
  for (int ring = 0; ring < rings; ++ring) {
    for (int i = 0; i < around; ++i) {
      const int a = ring * around + i, b = ring * around + (i + 1) % around, c = a + around, d = b + around;
      surface.faces.push_back({a, b, d});
      surface.faces.push_back({a, d, c});
    }
  }
  return surface;
}

/// A disc of the ball's radius whose red grows to the right and green upwards; magenta around it, in the soft
/// edge too.
Foreground ball_picture(float radius, int side = 256) {
  Foreground foreground;
  foreground.image = Image(side, side, 4);
  const float pixel = 2.0f / static_cast<float>(side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float right = -1 + (static_cast<float>(x) + 0.5f) * pixel;
      const float up = 1 - (static_cast<float>(y) + 0.5f) * pixel;
      const float alpha = std::clamp((radius - std::hypot(right, up)) / pixel + 0.5f, 0.0f, 1.0f);
      const Float3 colour{(right + 1) / 2, (up + 1) / 2, 0};
      const Float3 magenta{1, 0, 1};
      float* p = foreground.image.pixel(x, y);
      for (int c = 0; c < 3; ++c) p[c] = std::lerp(magenta[c], colour[c], alpha);
      p[3] = alpha;
    }
  }
  return foreground;
}

TexturedMesh textured_ball(int size = 256) {
  return texture_from_picture(ball(0.8f), ball_picture(0.8f), {.size = size}, {});
}

/// What a renderer shows at a UV coordinate: bilinear, 0..1.
Float3 look_up(const ByteImage& albedo, Float2 uv) {
  const float x = std::clamp(uv[0] * static_cast<float>(albedo.width) - 0.5f, 0.0f, albedo.width - 1.001f);
  const float y =
      std::clamp((1 - uv[1]) * static_cast<float>(albedo.height) - 0.5f, 0.0f, albedo.height - 1.001f);
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  Float3 colour;
  for (int c = 0; c < 3; ++c) {
    const float above = std::lerp(albedo.pixel(left, top)[c], albedo.pixel(left + 1, top)[c], x - left);
    const float below =
        std::lerp(albedo.pixel(left, top + 1)[c], albedo.pixel(left + 1, top + 1)[c], x - left);
    colour[c] = std::lerp(above, below, y - top) / 255;
  }
  return colour;
}

Float3 middle(const TexturedMesh& mesh, size_t face) {
  Float3 sum{0, 0, 0};
  for (const int32_t v : mesh.surface.faces[face]) {
    for (int c = 0; c < 3; ++c) sum[c] += mesh.surface.vertices[v][c] / 3;
  }
  return sum;
}

Float2 middle_uv(const TexturedMesh& mesh, size_t face) {
  Float2 sum{0, 0};
  for (const Float2& uv : mesh.corner_uv[face]) {
    for (int c = 0; c < 2; ++c) sum[c] += uv[c] / 3;
  }
  return sum;
}

bool is_front_chart(const TexturedMesh& mesh, size_t face) { return mesh.corner_uv[face][0][0] < 0.5f; }

/// The faces whose middle lies at x above 0.2 (or below, for side -1), clear of the silhouette.
std::vector<size_t> faces_towards(const TexturedMesh& mesh, float side) {
  std::vector<size_t> faces;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    if (middle(mesh, f)[0] * side > 0.2f) faces.push_back(f);
  }
  return faces;
}

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

void expect_picture_colours(const TexturedMesh& mesh, const std::vector<size_t>& faces) {
  ASSERT_GT(faces.size(), 100u);
  for (const size_t f : faces) {
    const Float3 point = middle(mesh, f);
    const Float3 colour = look_up(mesh.albedo, middle_uv(mesh, f));
    ASSERT_NEAR(colour[0], (point[1] + 1) / 2, 0.01f) << "face " << f;
    ASSERT_NEAR(colour[1], (point[2] + 1) / 2, 0.01f) << "face " << f;
    ASSERT_NEAR(colour[2], 0, 0.01f) << "face " << f;
  }
}

TEST(Texture, ShowsThePictureInFront) {
  const TexturedMesh mesh = textured_ball();
  expect_picture_colours(mesh, faces_towards(mesh, 1));
}

TEST(Texture, ShowsItMirroredBehind) {
  // At the same place of the picture's plane, so mirrored for who stands behind.
  const TexturedMesh mesh = textured_ball();
  expect_picture_colours(mesh, faces_towards(mesh, -1));
}

TEST(Texture, ShowsThePictureAtAnotherSize) {
  for (const int size : {64, 300, 512}) {
    const TexturedMesh mesh = textured_ball(size);
    expect_picture_colours(mesh, faces_towards(mesh, 1));
    expect_picture_colours(mesh, faces_towards(mesh, -1));
  }
}

TEST(Texture, PutsTheFrontOnTheLeftAndTheBackOnTheRight) {
  const TexturedMesh mesh = textured_ball();
  for (const size_t f : faces_towards(mesh, 1)) ASSERT_TRUE(is_front_chart(mesh, f));
  for (const size_t f : faces_towards(mesh, -1)) ASSERT_FALSE(is_front_chart(mesh, f));
}

TEST(Texture, TurnsNoChartOver) {
  // Seen from outside, each triangle goes the same way round in the texture as on the surface.
  const TexturedMesh mesh = textured_ball();
  for (const float side : {1.0f, -1.0f}) {
    for (const size_t f : faces_towards(mesh, side)) {
      const auto& [a, b, c] = mesh.corner_uv[f];
      ASSERT_GE((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]), 0) << "face " << f;
    }
  }
}

TEST(Texture, HasTwoPiecesOnABall) {
  const TexturedMesh mesh = textured_ball();
  // Pieces of faces that share an edge and a chart.
  std::vector<size_t> piece(mesh.surface.faces.size());
  for (size_t f = 0; f < piece.size(); ++f) piece[f] = f;
  const std::function<size_t(size_t)> root = [&](size_t f) {
    return piece[f] == f ? f : piece[f] = root(piece[f]);
  };
  std::map<std::pair<int32_t, int32_t>, size_t> edges[2];
  for (size_t f = 0; f < piece.size(); ++f) {
    for (int corner = 0; corner < 3; ++corner) {
      const auto edge = std::minmax({mesh.surface.faces[f][corner], mesh.surface.faces[f][(corner + 1) % 3]});
      const auto [other, is_new] = edges[is_front_chart(mesh, f)].emplace(edge, f);
      if (!is_new) piece[root(f)] = root(other->second);
    }
  }
  std::set<size_t> roots;
  for (size_t f = 0; f < piece.size(); ++f) roots.insert(root(f));
  EXPECT_EQ(roots.size(), 2u);
}

TEST(Texture, HasNoStrayFacesOnABumpySurface) {
  // Noise that turns many faces near the silhouette, and some elsewhere, to the other side.
  Surface bumpy = ball(0.8f, 40);
  uint32_t seed = 1;
  for (Float3& vertex : bumpy.vertices) {
    for (float& coordinate : vertex) {
      seed = seed * 1664525u + 1013904223u;
      coordinate += (static_cast<float>(seed >> 8) / 16777216.0f - 0.5f) * 0.05f;
    }
  }
  const TexturedMesh mesh = texture_from_picture(bumpy, ball_picture(0.8f), {.size = 64}, {});
  std::map<std::pair<int32_t, int32_t>, std::vector<size_t>> edges;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    for (int corner = 0; corner < 3; ++corner) {
      edges[std::minmax({mesh.surface.faces[f][corner], mesh.surface.faces[f][(corner + 1) % 3]})].push_back(
          f);
    }
  }
  std::vector<int> like_it(mesh.surface.faces.size(), 0);
  for (const auto& [edge, faces] : edges) {
    if (faces.size() != 2 || is_front_chart(mesh, faces[0]) != is_front_chart(mesh, faces[1])) continue;
    ++like_it[faces[0]];
    ++like_it[faces[1]];
  }
  EXPECT_GT(*std::ranges::min_element(like_it), 0);
}

TEST(Texture, StaysInsideItsChart) {
  Surface large = ball(1.05f);  // reaches over the picture
  const TexturedMesh mesh = texture_from_picture(large, ball_picture(0.8f), {.size = 64}, {});
  const float half = 0.5f / 64;
  for (const auto& corners : mesh.corner_uv) {
    const bool is_front = corners[0][0] < 0.5f;
    for (const Float2& uv : corners) {
      const float across = is_front ? 2 * uv[0] : 2 * uv[0] - 1;
      ASSERT_GE(across, half - 1e-6f);
      ASSERT_LE(across, 1 - half + 1e-6f);
      ASSERT_GE(uv[1], half);
      ASSERT_LE(uv[1], 1 - half);
    }
  }
}

TEST(Texture, ShowsNoBackgroundAnywhere) {
  const TexturedMesh mesh = texture_from_picture(ball(0.8f), ball_picture(0.8f, 512), {.size = 512}, {});
  int bluest = 0;  // blue is in the background alone
  for (size_t i = 2; i < mesh.albedo.pixels.size(); i += 3)
    bluest = std::max<int>(bluest, mesh.albedo.pixels[i]);
  EXPECT_LE(bluest, 5);
}

TEST(Texture, KeepsBlackBlack) {
  Foreground foreground = ball_picture(0.8f);
  for (int y = 100; y < 140; ++y) {
    for (int x = 60; x < 90; ++x) std::fill_n(foreground.image.pixel(x, y), 3, 0.0f);
  }
  const TexturedMesh mesh = texture_from_picture(ball(0.8f), foreground, {.size = 256}, {});
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(mesh.albedo.pixel(75, 120)[c], 0);
    EXPECT_EQ(mesh.albedo.pixel(511 - 75, 120)[c], 0);
  }
}

TEST(Texture, ColoursTheVerticesLikeThePicture) {
  const TexturedMesh mesh = textured_ball();
  ASSERT_EQ(mesh.vertex_colours.size(), mesh.surface.vertices.size());
  for (size_t v = 0; v < mesh.vertex_colours.size(); ++v) {
    const Float3& vertex = mesh.surface.vertices[v];
    if (std::abs(vertex[0]) < 0.2f) continue;
    ASSERT_NEAR(mesh.vertex_colours[v][0], (vertex[1] + 1) / 2, 0.005f);
    ASSERT_NEAR(mesh.vertex_colours[v][1], (vertex[2] + 1) / 2, 0.005f);
  }
}

TEST(Texture, LeavesTheSurfaceAsItIs) {
  const TexturedMesh mesh = textured_ball();
  EXPECT_EQ(mesh.surface.vertices, ball(0.8f).vertices);
  EXPECT_EQ(mesh.surface.faces, ball(0.8f).faces);
}

TEST(Texture, IsTwiceAsWideAsHigh) {
  const TexturedMesh mesh = textured_ball(128);
  EXPECT_EQ(mesh.albedo.width, 256);
  EXPECT_EQ(mesh.albedo.height, 128);
  EXPECT_EQ(mesh.albedo.channels, 3);
}

TEST(Texture, RefusesSizesOutOfRange) {
  EXPECT_EQ(code_of([] { textured_ball(63); }), ErrorCode::kInvalidSettings);
  EXPECT_EQ(code_of([] { textured_ball(8193); }), ErrorCode::kInvalidSettings);
}

TEST(Texture, StopsWhenCancelled) {
  Control control;
  control.cancel.cancel();
  EXPECT_EQ(code_of([&] { texture_from_picture(ball(0.8f), ball_picture(0.8f), {}, control); }),
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace relievo

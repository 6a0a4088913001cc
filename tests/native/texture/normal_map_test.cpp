#include "texture/normal_map.h"

#include "base/vectors.h"
#include "base/vertex_normals.h"
#include "shapes.h"
#include "texture/atlas.h"
#include "texture/tangents.h"

namespace relievo {
namespace {

/// (right, up) of the picture as UV of a wall that faces +X, turned by `quarters` and mirrored if asked.
std::vector<std::array<Float2, 3>> planar_uv(const Surface& surface, int quarters = 0,
                                             bool mirrored = false) {
  std::vector<std::array<Float2, 3>> uv(surface.faces.size());
  for (size_t f = 0; f < uv.size(); ++f) {
    for (int c = 0; c < 3; ++c) {
      const Float3& v = surface.vertices[surface.faces[f][c]];
      Float2 at{v[1] / 2.2f, v[2] / 2.2f};
      for (int q = 0; q < quarters; ++q) at = {-at[1], at[0]};
      if (mirrored) at[0] = -at[0];
      uv[f][c] = {at[0] + 0.5f, at[1] + 0.5f};
    }
  }
  return uv;
}

/// The wall with waves along +Y of the given height: normal (1, -h', 0) before it is made a unit.
constexpr float kHeight = 0.02f, kFrequency = 9;
Surface wavy_wall() {
  Surface surface = wall(200);
  for (Float3& v : surface.vertices) v[0] = kHeight * std::sin(kFrequency * v[1]);
  return surface;
}

Float3 decoded(const ByteImage& map, int x, int y) {
  const uint8_t* p = map.pixel(x, y);
  return {p[0] / 127.5f - 1, p[1] / 127.5f - 1, p[2] / 127.5f - 1};
}

TEST(NormalMap, HoldsTheSlopeOfAKnownBump) {
  const Surface flat = wall(1);
  for (int quarters = 0; quarters < 4; ++quarters) {
    for (const bool mirrored : {false, true}) {
      constexpr int kSize = 256;
      const ByteImage map =
          bake_normal_map(flat, planar_uv(flat, quarters, mirrored), wavy_wall(), kSize, {});
      for (int y = 20; y < kSize - 20; y += 9) {
        for (int x = 20; x < kSize - 20; x += 9) {
          // Maps a texel back to the wall: y of the model box, and the way it runs in the texture.
          float u = (static_cast<float>(x) + 0.5f) / kSize - 0.5f;
          float v = 0.5f - (static_cast<float>(y) + 0.5f) / kSize;
          if (mirrored) u = -u;
          Float2 along{1, 0};  // +Y in (u, v)
          for (int q = 0; q < quarters; ++q) {
            along = {-along[1], along[0]};
            const float t = u;
            u = v;
            v = -t;
          }
          if (mirrored) along[0] = -along[0];
          const float slope = kHeight * kFrequency * std::cos(kFrequency * u * 2.2f);
          const Float3 expected = unit({-slope * along[0], -slope * along[1], 1});
          const Float3 seen = decoded(map, x, y);
          for (int c = 0; c < 3; ++c) {
            ASSERT_NEAR(seen[c], expected[c], 0.012f) << quarters << mirrored << " " << x << " " << y;
          }
        }
      }
    }
  }
}

/// The normal that a renderer makes of the map: the vertices' normals and tangents, interpolated and not made
/// unit.
double largest_angle(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                     const ByteImage& map, const std::function<Float3(const Float3&)>& expected) {
  const std::vector<Float3> normals = vertex_normals(surface);
  const auto tangents = corner_tangents(surface, corner_uv, normals);
  std::vector<double> angles;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    if (std::abs(uv_area(corner_uv[f])) * map.width * map.width < 4) continue;
    Float3 point{0, 0, 0}, normal{0, 0, 0}, tangent{0, 0, 0};
    Float2 uv{0, 0};
    for (int c = 0; c < 3; ++c) {
      for (int axis = 0; axis < 3; ++axis) {
        point[axis] += surface.vertices[surface.faces[f][c]][axis] / 3;
        normal[axis] += normals[surface.faces[f][c]][axis] / 3;
        tangent[axis] += tangents[f][c][axis] / 3;
      }
      for (int axis = 0; axis < 2; ++axis) uv[axis] += corner_uv[f][c][axis] / 3;
    }
    const Float3 bitangent = scaled(cross(normal, tangent), tangents[f][0][3]);
    const Float3 local = decoded(map, static_cast<int>(uv[0] * static_cast<float>(map.width)),
                                 static_cast<int>((1 - uv[1]) * static_cast<float>(map.height)));
    Float3 seen{0, 0, 0};
    for (int axis = 0; axis < 3; ++axis)
      seen[axis] = local[0] * tangent[axis] + local[1] * bitangent[axis] + local[2] * normal[axis];
    angles.push_back(std::acos(std::clamp(dot(unit(seen), expected(point)), -1.0f, 1.0f)) * 180 /
                     std::numbers::pi);
  }
  EXPECT_GT(angles.size(), 100u);
  std::ranges::sort(angles);
  return angles[angles.size() * 99 / 100];
}

TEST(NormalMap, GivesACoarseBallTheNormalsOfAFineOne) {
  const Surface coarse = ball(0.7f, 8), fine = ball(0.7f, 100);
  const Atlas atlas = unwrap(coarse, {}, {});
  const ByteImage map = bake_normal_map(coarse, atlas.corner_uv, fine, 512, {});
  const auto outward = [](const Float3& point) { return unit(point); };
  EXPECT_LT(largest_angle(coarse, atlas.corner_uv, map, outward), 2);
  // Without the map the coarse ball's own normals are farther off.
  const ByteImage none(512, 512, 3, 128);
  ByteImage flat = none;
  for (size_t i = 2; i < flat.pixels.size(); i += 3) flat.pixels[i] = 255;
  EXPECT_GT(largest_angle(coarse, atlas.corner_uv, flat, outward), 3);
}

TEST(NormalMap, IsFlatWhereTheDetailIsTheSurfaceItself) {
  const Surface surface = wall(4);
  const ByteImage map = bake_normal_map(surface, planar_uv(surface), surface, 64, {});
  for (size_t i = 0; i < map.pixels.size(); i += 3) {
    ASSERT_NEAR(map.pixels[i], 128, 1);
    ASSERT_NEAR(map.pixels[i + 1], 128, 1);
    ASSERT_EQ(map.pixels[i + 2], 255);
  }
}

TEST(NormalMap, IsFlatWhereThereIsNoDetailNear) {
  const Surface surface = wall(4);
  Surface far = wavy_wall();
  for (Float3& v : far.vertices) v[0] += 0.5f;
  for (const Surface& detail : {far, Surface{}}) {
    const ByteImage map = bake_normal_map(surface, planar_uv(surface), detail, 64, {});
    EXPECT_NEAR(map.pixel(32, 32)[0], 128, 1);
    EXPECT_EQ(map.pixel(32, 32)[2], 255);
  }
}

TEST(NormalMap, DoesNotLookThroughAThinWall) {
  // Front and back of a plate: the front must not take the back's waves.
  const Surface front = wall(1);
  Surface back = wavy_wall();
  for (Float3& v : back.vertices) v[0] -= 0.005f;
  for (Int3& f : back.faces) std::swap(f[1], f[2]);
  Surface detail = wall(20);
  append(detail, back);
  const ByteImage map = bake_normal_map(front, planar_uv(front), detail, 128, {});
  for (int x = 20; x < 108; ++x) {
    ASSERT_NEAR(map.pixel(x, 64)[0], 128, 1);
    ASSERT_EQ(map.pixel(x, 64)[2], 255);
  }
}

TEST(NormalMap, StandsFaceWithoutUvArea) {
  const Surface surface = wall(2);
  std::vector<std::array<Float2, 3>> uv = planar_uv(surface);
  uv[0].fill({0.5f, 0.5f});
  const auto tangents = corner_tangents(surface, uv, vertex_normals(surface));
  for (const Tangent& t : tangents[0]) {
    EXPECT_NEAR(std::hypot(t[0], t[1], t[2]), 1, 1e-5);
  }
  const ByteImage map = bake_normal_map(surface, uv, surface, 64, {});
  EXPECT_EQ(map.pixel(40, 20)[2], 255);
}

TEST(Tangents, PointAlongUAndSayTheSideOfV) {
  const Surface surface = wall(3);
  for (const bool mirrored : {false, true}) {
    const auto tangents = corner_tangents(surface, planar_uv(surface, 0, mirrored), vertex_normals(surface));
    for (const auto& face : tangents) {
      for (const Tangent& t : face) {
        EXPECT_NEAR(t[1], mirrored ? -1 : 1, 1e-5f);
        EXPECT_EQ(t[3], mirrored ? -1 : 1);  // cross((1,0,0), (0,1,0)) = +Z, along v
      }
    }
  }
}

}  // namespace
}  // namespace relievo

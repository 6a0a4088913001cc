#include "kernels/rasterise.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

/// A picture of 32 x 24 pixels with a focal length of 20 pixels.
struct Scene {
  std::vector<float> vertices;
  std::vector<int32_t> faces;
  std::vector<uint64_t> hits = std::vector<uint64_t>(32 * 24, 7);

  Rasterisation rasterisation() {
    Rasterisation r;
    r.vertices = vertices.data();
    r.faces = faces.data();
    r.face_count = static_cast<int64_t>(faces.size() / 3);
    r.width = 32;
    r.height = 24;
    r.focal = 20;
    r.centre_x = 16;
    r.centre_y = 12;
    r.hits = hits.data();
    return r;
  }
  void render() { rasterise_cpu(rasterisation()); }
  /// A vertex that is seen at these picture coordinates at this depth.
  int32_t vertex_at(double x, double y, double depth) {
    vertices.insert(vertices.end(), {static_cast<float>((x - 16) / 20 * depth),
                                     static_cast<float>((12 - y) / 20 * depth), static_cast<float>(-depth)});
    return static_cast<int32_t>(vertices.size() / 3 - 1);
  }
  void face(int32_t a, int32_t b, int32_t c) { faces.insert(faces.end(), {a, b, c}); }
  bool is_hit(int x, int y) const { return hits[y * 32 + x] != kNoHit; }
  int64_t count() const {
    return std::count_if(hits.begin(), hits.end(), [](uint64_t hit) { return hit != kNoHit; });
  }
};

Scene random_scene(int faces) {
  Scene scene;
  std::mt19937 random(5);
  std::uniform_real_distribution<float> x(-2, 2), z(-4, 1);  // some behind the camera
  for (int i = 0; i < faces * 3; ++i) {
    scene.vertices.insert(scene.vertices.end(), {x(random), x(random), z(random)});
    scene.faces.push_back(i);
  }
  return scene;
}

/// Moeller and Trumbore's test of a ray from the eye, in long double: another way to the same answer.
bool meets(const Scene& scene, int64_t face, long double dx, long double dy, long double& depth) {
  using Vector = std::array<long double, 3>;
  const auto vertex = [&](int corner) {
    const float* v = &scene.vertices[3 * scene.faces[face * 3 + corner]];
    return Vector{v[0], v[1], v[2]};
  };
  const auto minus = [](Vector a, Vector b) { return Vector{a[0] - b[0], a[1] - b[1], a[2] - b[2]}; };
  const auto cross = [](Vector a, Vector b) {
    return Vector{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  };
  const auto dot = [](Vector a, Vector b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; };
  const Vector direction{dx, dy, -1}, origin{0, 0, 0};
  const Vector edge1 = minus(vertex(1), vertex(0)), edge2 = minus(vertex(2), vertex(0));
  const Vector p = cross(direction, edge2);
  const long double determinant = dot(edge1, p);
  const Vector from = minus(origin, vertex(0));
  const long double u = dot(from, p) / determinant;
  const Vector q = cross(from, edge1);
  const long double v = dot(direction, q) / determinant;
  depth = dot(edge2, q) / determinant;
  return u >= 0 && v >= 0 && u + v <= 1;
}

TEST(Rasterise, AgreesWithRaysThroughEveryPixel) {
  Scene scene = random_scene(60);
  scene.render();
  const Rasterisation r = scene.rasterisation();
  for (int row = 0; row < 24; ++row) {
    for (int column = 0; column < 32; ++column) {
      int64_t nearest = -1;
      long double nearest_depth = 1e30L;
      for (int64_t f = 0; f < 60; ++f) {
        long double depth = 0;
        if (meets(scene, f, (column + 0.5L - 16) / 20, (12 - row - 0.5L) / 20, depth) && depth >= r.near &&
            depth < nearest_depth) {
          nearest = f;
          nearest_depth = depth;
        }
      }
      const uint64_t hit = scene.hits[row * 32 + column];
      ASSERT_EQ(hit == kNoHit ? -1 : face_of_hit(hit), nearest) << column << ", " << row;
    }
  }
}

// Every pixel centre of a fan lies in one triangle, those on its edges included: each face alone, summed.
TEST(Rasterise, GivesAPixelOnAnEdgeToExactlyOneTriangle) {
  Scene scene;
  // Depth 1.25 and a focal length of 20: coordinates are exact in float, so centres lie on edges exactly.
  const int32_t middle = scene.vertex_at(8.5, 8.5, 1.25);
  const std::array<std::array<double, 2>, 8> around{
      {{0.5, 0.5}, {8.5, 0.5}, {16.5, 0.5}, {16.5, 8.5}, {16.5, 16.5}, {8.5, 16.5}, {0.5, 16.5}, {0.5, 8.5}}};
  std::vector<int32_t> ring;
  for (const auto& p : around) ring.push_back(scene.vertex_at(p[0], p[1], 1.25));
  std::vector<int> counts(32 * 24);
  for (int i = 0; i < 8; ++i) {
    scene.faces = {middle, ring[i], ring[(i + 1) % 8]};
    if (i % 2 == 1) std::swap(scene.faces[1], scene.faces[2]);  // the way around does not matter
    scene.render();
    for (size_t p = 0; p < counts.size(); ++p) counts[p] += scene.hits[p] != kNoHit ? 1 : 0;
  }
  // Of the square's own border the left and top belong to it: 16 x 16 pixels, each once.
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 32; ++x) EXPECT_EQ(counts[y * 32 + x], x < 16 && y < 16 ? 1 : 0) << x << ", " << y;
  }
}

TEST(Rasterise, OfEquallyNearTrianglesTheFirstIsSeen) {
  Scene scene;
  for (int i = 0; i < 3; ++i) scene.vertex_at(i == 1 ? 30 : 2, i == 2 ? 22 : 2, 2);
  scene.faces = {0, 1, 2, 1, 2, 0, 2, 0, 1};
  scene.render();
  ASSERT_TRUE(scene.is_hit(5, 5));
  EXPECT_EQ(face_of_hit(scene.hits[5 * 32 + 5]), 0);
}

TEST(Rasterise, WeightsArePerspectiveCorrect) {
  Scene scene;
  scene.face(scene.vertex_at(0, 12, 1), scene.vertex_at(32, 12, 3), scene.vertex_at(0, -50, 1));
  const Rasterisation r = scene.rasterisation();
  double x = 0, y = 0;
  ray_direction(r, 15.5, 11.5, x, y);  // half way between the first two on the screen
  const TriangleHit hit = meet_plane(set_up_triangle(r, 0), x, y);
  // Half way, 1/depth is (1 + 1/3) / 2, so the depth is 1.5: a quarter of the way from 1 to 3.
  EXPECT_NEAR(hit.depth, 1.5, 1e-6);
  EXPECT_NEAR(hit.weights[0], 0.75, 1e-6);
  EXPECT_NEAR(hit.weights[1], 0.25, 1e-6);
  EXPECT_NEAR(hit.weights[2], 0, 1e-6);
}

TEST(Rasterise, AFloorThatReachesBehindTheCameraFillsTheLowerHalf) {
  Scene scene;
  scene.vertices = {-1e4f, -1, 1e4f, 1e4f, -1, 1e4f, 0, -1, -1e6f};
  scene.faces = {0, 1, 2};
  scene.render();
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 32; ++x) EXPECT_EQ(scene.is_hit(x, y), y >= 12) << x << ", " << y;
  }
}

TEST(Rasterise, SeesNothingBehindTheCameraOrNearerThanNear) {
  Scene scene;
  scene.vertices = {-5, -5, 2, 5, -5, 2, 0, 5, 2, -1, -1, -0.0005f, 1, -1, -0.0005f, 0, 1, -0.0005f};
  scene.faces = {0, 1, 2, 3, 4, 5};
  scene.render();
  EXPECT_EQ(scene.count(), 0);
}

TEST(Rasterise, SeesNothingOfLinesAndOfWhatIsNotANumber) {
  Scene scene;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  scene.vertices = {-1, -1, -2, 1, 1, -2, 0, 0, -2, nan, 0, -2, 1, 0, -2, 0, 1, -2};
  scene.faces = {0, 1, 2, 0, 0, 1, 3, 4, 5};
  scene.render();
  EXPECT_EQ(scene.count(), 0);
}

}  // namespace
}  // namespace relievo::kernels

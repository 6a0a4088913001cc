// A surface of 5 million faces through every stage; slow, so only where RELIEVO_LARGE_MESH is set.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

#include "../texture/shapes.h"
#include "base/resident_memory.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"
#include "texture/texture.h"

namespace relievo {
namespace {

/// A wavy torus of 2 * around * along faces.
Surface torus(int around, int along) {
  Surface surface;
  for (int i = 0; i < around; ++i) {
    for (int j = 0; j < along; ++j) {
      const double a = 2 * std::numbers::pi * i / around, b = 2 * std::numbers::pi * j / along;
      const double r = 0.3 + 0.02 * std::sin(40 * a) * std::sin(9 * b);
      surface.vertices.push_back({static_cast<float>((0.6 + r * std::cos(b)) * std::cos(a)),
                                  static_cast<float>((0.6 + r * std::cos(b)) * std::sin(a)),
                                  static_cast<float>(r * std::sin(b))});
    }
  }
  const auto vertex = [&](int i, int j) { return i % around * along + j % along; };
  for (int i = 0; i < around; ++i) {
    for (int j = 0; j < along; ++j) {
      surface.faces.push_back({vertex(i, j), vertex(i + 1, j), vertex(i + 1, j + 1)});
      surface.faces.push_back({vertex(i, j), vertex(i + 1, j + 1), vertex(i, j + 1)});
    }
  }
  return surface;
}

/// Runs a stage and prints its time and the highest resident size of the process during it.
template <typename Stage>
auto measured(const char* name, const Stage& stage) {
  reset_peak_resident_bytes();
  const auto start = std::chrono::steady_clock::now();
  auto result = stage();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const double peak = static_cast<double>(peak_resident_bytes()) / 1e9;
  std::printf("%s: %.1f s, peak %.2f GB\n", name, seconds.count(), peak);
  std::fflush(stdout);
  EXPECT_LT(peak, 6) << name;
  return result;
}

TEST(LargeSurface, OfFiveMillionFacesIsCleanedSimplifiedAndTextured) {
  if (std::getenv("RELIEVO_LARGE_MESH") == nullptr) return;
  const Surface whole = torus(2500, 1000);
  ASSERT_EQ(whole.faces.size(), 5'000'000u);
  const Surface cleaned = measured("clean", [&] { return clean_surface(whole, {}, {}); });
  EXPECT_EQ(cleaned.faces.size(), whole.faces.size());
  const SurfaceReport report = measured("inspect", [&] { return inspect_surface(cleaned); });
  EXPECT_TRUE(report.watertight && report.manifold);
  EXPECT_EQ(report.euler, 0);
  const Surface simplified = measured("simplify", [&] { return simplify_surface(cleaned, 50000, {}); });
  EXPECT_LE(simplified.faces.size(), 50000u);
  EXPECT_EQ(inspect_surface(simplified).euler, 0);
  const TexturedMesh mesh = measured("texture, with the normal map of all", [&] {
    return texture_surface(simplified, waves(1), {.detail = &cleaned}, {.size = 2048}, {});
  });
  EXPECT_GE(mesh.texture_report.coverage, 0.6);
}

TEST(LargeSurface, OfFiveMillionFacesIsTexturedAsItIs) {
  if (std::getenv("RELIEVO_LARGE_MESH") == nullptr) return;
  const TexturedMesh mesh = measured(
      "texture", [&] { return texture_surface(torus(2500, 1000), waves(1), {}, {.size = 4096}, {}); });
  EXPECT_EQ(mesh.corner_uv.size(), 5'000'000u);
  EXPECT_GE(mesh.texture_report.coverage, 0.6);
  EXPECT_LT(mesh.texture_report.charts, 20000);
}

}  // namespace
}  // namespace relievo

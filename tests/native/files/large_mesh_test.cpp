// A mesh of 5 million faces in every format; slow, so only where RELIEVO_LARGE_MESH is set.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

#include "base/resident_memory.h"
#include "files/meshes.h"
#include "samples.h"

namespace relievo {
namespace {

/// A wavy torus of 2 * around * along faces, cut open for its UVs.
TexturedMesh torus(int around, int along) {
  TexturedMesh mesh;
  for (int i = 0; i < around; ++i) {
    for (int j = 0; j < along; ++j) {
      const double a = 2 * std::numbers::pi * i / around, b = 2 * std::numbers::pi * j / along;
      const double r = 0.3 + 0.02 * std::sin(40 * a);
      mesh.surface.vertices.push_back({static_cast<float>((0.6 + r * std::cos(b)) * std::cos(a)),
                                       static_cast<float>((0.6 + r * std::cos(b)) * std::sin(a)),
                                       static_cast<float>(r * std::sin(b))});
    }
  }
  const auto vertex = [&](int i, int j) { return i % around * along + j % along; };
  const auto uv = [&](int i, int j) {
    return Float2{static_cast<float>(i) / static_cast<float>(around),
                  static_cast<float>(j) / static_cast<float>(along)};
  };
  for (int i = 0; i < around; ++i) {
    for (int j = 0; j < along; ++j) {
      mesh.surface.faces.push_back({vertex(i, j), vertex(i + 1, j), vertex(i + 1, j + 1)});
      mesh.corner_uv.push_back({uv(i, j), uv(i + 1, j), uv(i + 1, j + 1)});
      mesh.surface.faces.push_back({vertex(i, j), vertex(i + 1, j + 1), vertex(i, j + 1)});
      mesh.corner_uv.push_back({uv(i, j), uv(i + 1, j + 1), uv(i, j + 1)});
    }
  }
  mesh.albedo = ByteImage(64, 64, 3, 120);
  return mesh;
}

class LargeMesh : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, LargeMesh, testing::Values("glb", "obj", "ply"), test_name);

TEST_P(LargeMesh, OfFiveMillionFacesIsWritten) {
  if (std::getenv("RELIEVO_LARGE_MESH") == nullptr) return;
  const TexturedMesh mesh = torus(2500, 1000);
  ASSERT_EQ(mesh.surface.faces.size(), 5'000'000u);
  const ScratchFolder folder;
  reset_peak_resident_bytes();
  const auto files = write_mesh(folder.path(), "torus", GetParam(), mesh);
  const double peak = static_cast<double>(peak_resident_bytes());
  const auto size = static_cast<double>(std::filesystem::file_size(files.front()));
  std::printf("%s: %.0f MB, peak %.2f GB\n", GetParam(), size / 1e6, peak / 1e9);
  EXPECT_GT(size, 5e6 * 12);
  EXPECT_LT(peak, 6e9);
}

}  // namespace
}  // namespace relievo

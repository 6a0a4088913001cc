// Writes the files that tests/addon/test_mesh_renders.py renders in Blender, into the folder named by
// RELIEVO_DETAIL_SAMPLES: a bumpy ball in full, and simplified with its detail in a normal map.
#include <cstdlib>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../files/samples.h"
#include "files/meshes.h"
#include "nn/field.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"
#include "texture/texture.h"

namespace relievo {
namespace {

class BumpyBall : public Field {
 public:
  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor values(const at::Tensor& p) const override {
    return p.square().sum(-1).sqrt() - 0.75 - 0.012 * (p * 24).sin().prod(-1);
  }
  at::Tensor colours(const at::Tensor& p) const override { return at::full_like(p, 0.6); }
};

TEST(DetailSamples, AreWritten) {
  const ScratchFolder scratch;
  const char* asked_for = std::getenv("RELIEVO_DETAIL_SAMPLES");
  const std::filesystem::path folder = asked_for != nullptr ? asked_for : scratch.path();
  const int grid = asked_for != nullptr ? 128 : 32;
  const Surface whole = clean_surface(extract_surface(BumpyBall(), {.grid = grid}, {}), {}, {});
  TexturedMesh mesh =
      texture_surface(simplify_surface(whole, 2000, {}), BumpyBall(), {.detail = &whole}, {.size = 1024}, {});
  EXPECT_GE(mesh.texture_report.cover, 0.6);
  turn_to_scene(mesh.surface);
  TexturedMesh detail;  // PLY has vertex colours only, but the mesh must be one
  detail.surface = whole;
  detail.corner_uv.resize(whole.faces.size());
  detail.albedo = ByteImage(1, 1, 3);
  turn_to_scene(detail.surface);
  detail.vertex_colours.assign(whole.vertices.size(), {0.6f, 0.6f, 0.6f});
  for (const char* format : {"glb", "obj"}) {
    for (const auto& file : write_mesh(folder, "simplified", format, mesh))
      EXPECT_GT(std::filesystem::file_size(file), 0u);
  }
  EXPECT_EQ(write_mesh(folder, "whole", "ply", detail).size(), 1u);
}

}  // namespace
}  // namespace relievo

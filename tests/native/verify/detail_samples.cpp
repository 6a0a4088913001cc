// Writes the files that tests/addon/test_mesh_renders.py and docs/pictures/anatomy.py render in Blender, into
// the folder named by RELIEVO_DETAIL_SAMPLES: a bumpy pumpkin in full, and simplified with its detail in a
// normal map.
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

/// A pumpkin with a skin of small bumps.
class Pumpkin : public Field {
 public:
  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor values(const at::Tensor& p) const override {
    return p.square().sum(-1).sqrt() - 0.74 - 0.07 * ribs(p) - 0.012 * bumps(p);
  }
  at::Tensor colours(const at::Tensor& p) const override {
    const auto colour = [](float r, float g, float b) { return at::tensor({r, g, b}); };
    const at::Tensor height = (p.select(1, 2).unsqueeze(1) * 0.8 + 0.5).clamp(0, 1),
                     raised = (ribs(p) * 0.8 + bumps(p) * 0.6 + 0.5).clamp(0, 1).unsqueeze(1);
    const at::Tensor skin = at::lerp(colour(0.75f, 0.30f, 0.08f), colour(0.95f, 0.62f, 0.20f), raised);
    return at::lerp(skin, colour(0.30f, 0.42f, 0.20f), height.pow(3));
  }

 private:
  static at::Tensor ribs(const at::Tensor& p) {
    const at::Tensor across = p.slice(1, 0, 2).square().sum(-1), all = p.square().sum(-1) + 1e-6;
    return (8 * at::atan2(p.select(1, 1), p.select(1, 0))).cos() * (across / all);
  }
  static at::Tensor bumps(const at::Tensor& p) { return (p * 24).sin().prod(-1); }
};

TEST(DetailSamples, AreWritten) {
  const ScratchFolder scratch;
  const char* asked_for = std::getenv("RELIEVO_DETAIL_SAMPLES");
  const std::filesystem::path folder = asked_for != nullptr ? asked_for : scratch.path();
  const Pumpkin field;
  const int grid = asked_for != nullptr ? 128 : 32;
  const Surface whole = clean_surface(extract_surface(field, {.grid = grid}, {}), {}, {});
  TexturedMesh mesh =
      texture_surface(simplify_surface(whole, 2000, {}), field, {.detail = &whole}, {.size = 1024}, {});
  EXPECT_GE(mesh.texture_report.coverage, 0.6);
  turn_to_scene(mesh.surface);
  // PLY has vertex colours only, but the mesh must be a textured one.
  TexturedMesh detail;
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

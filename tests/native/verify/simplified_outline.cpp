// Simplification keeps thin parts and the outline, seen from every side.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/field.h"
#include "render/render.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"

namespace relievo {
namespace {

/// A ball with thin rods, a thin plate and a thin ring: some two cubes of a grid of 96 thick.
class ThinParts : public Field {
 public:
  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor colours(const at::Tensor& p) const override { return at::zeros_like(p); }
  at::Tensor values(const at::Tensor& p) const override {
    const auto capsule = [&](std::array<double, 3> from, std::array<double, 3> to, double radius) {
      const at::Tensor a = at::tensor(at::ArrayRef<double>(from)).to(at::kFloat),
                       along = at::tensor(at::ArrayRef<double>(to)).to(at::kFloat) - a;
      const at::Tensor share = ((p - a).matmul(along) / along.dot(along)).clamp(0, 1).unsqueeze(1);
      return (p - a - share * along).square().sum(-1).sqrt() - radius;
    };
    const at::Tensor x = p.select(1, 0), y = p.select(1, 1), z = p.select(1, 2);
    const at::Tensor ball = (p.square().sum(-1)).sqrt() - 0.35;
    const at::Tensor plate =
        at::stack({x.abs() - 0.6, (y + 0.1).abs() - 0.022, (z + 0.6).abs() - 0.3}).amax(0);
    const at::Tensor from_ring = ((x * x + y * y).sqrt() - 0.8);
    const at::Tensor ring = (from_ring.square() + (z - 0.1).square()).sqrt() - 0.022;
    return at::stack({ball, plate, ring, capsule({0, 0, 0}, {0.1, 0.2, 0.95}, 0.022),
                      capsule({0, 0, 0}, {0.79, 0.1, 0.1}, 0.03), capsule({0, 0, 0}, {-0.6, 0.5, 0.1}, 0.022),
                      capsule({0, -0.1, 0}, {0.2, -0.1, -0.7}, 0.03)})
        .amin(0);
  }
};

TEST(SimplifiedOutline, IsTheSameFromEverySideAndNothingThinIsLost) {
  const Surface whole = clean_surface(extract_surface(ThinParts(), {.grid = 96}, {}), {}, {});
  const Surface simplified = simplify_surface(whole, std::ssize(whole.faces) / 10, {});
  const SurfaceReport before = inspect_surface(whole), after = inspect_surface(simplified);
  ASSERT_EQ(before.components, 1);
  EXPECT_EQ(after.components, before.components);
  EXPECT_EQ(after.euler, before.euler);
  EXPECT_TRUE(after.watertight && after.manifold);

  const std::vector<Angle> around{{0, 0}, {90, 0}, {45, 30}, {135, -30}, {20, 85}, {300, 50}};
  const std::vector<View> views = framed_views(whole, around, 400);
  TexturedMesh fine, coarse;
  fine.surface = whole;
  coarse.surface = simplified;
  const Renderer fine_renderer(fine), coarse_renderer(coarse);
  for (size_t v = 0; v < views.size(); ++v) {
    const Layers a = fine_renderer.render(views[v], 4), b = coarse_renderer.render(views[v], 4);
    double both = 0, either = 0;
    for (size_t i = 3; i < a.albedo.pixels.size(); i += 4) {
      both += std::min(a.albedo.pixels[i], b.albedo.pixels[i]);
      either += std::max(a.albedo.pixels[i], b.albedo.pixels[i]);
    }
    EXPECT_GT(both / either, 0.97) << "view " << v;
  }
}

}  // namespace
}  // namespace relievo

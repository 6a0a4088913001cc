#include "reconstruct/compact_field.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "reconstruct/compact_input.h"

namespace relievo {
namespace {

constexpr int64_t kAtOnce = 1 << 15;  // a point's features take about 1.5 KB

/// Averages maps `[C, H, W]` over squares of 2 reach + 1, where the mask `[H, W]` counts.
at::Tensor averaged(const at::Tensor& maps, const at::Tensor& mask, int64_t reach) {
  const int64_t side = 2 * reach + 1;
  const auto mean = [&](const at::Tensor& x) { return at::avg_pool2d(x.unsqueeze(0), side, 1, reach)[0]; };
  return mean(maps * mask) / mean(mask.unsqueeze(0)).clamp_min(1e-6);
}

/// `[S, S, 4]` of a picture as the network sees it. Colours count as far as they are covered.
at::Tensor small_picture(const Image& picture) {
  const at::Tensor whole =
      at::from_blob(const_cast<float*>(picture.pixels.data()), {picture.height, picture.width, 4});
  const at::Tensor alpha = whole.slice(2, 3, 4);
  const at::Tensor covering =
      at::cat({whole.slice(2, 0, 3) * alpha, alpha}, 2).permute({2, 0, 1}).unsqueeze(0);
  const at::Tensor small =
      at::adaptive_avg_pool2d(covering.contiguous(), {kCompactPicture, kCompactPicture})[0].permute(
          {1, 2, 0});
  const at::Tensor covered = small.slice(2, 3, 4);
  return at::cat({small.slice(2, 0, 3) / covered.clamp_min(1e-6), covered}, 2).contiguous();
}

/// Values on a grid of which every other vertex is asked first.
class CompactGrid : public GridField {
 public:
  CompactGrid(const Field& field, const at::Tensor& line) {
    const at::NoGradGuard no_gradients;
    const int64_t side = line.size(0), few = (side + 1) / 2;
    const at::Tensor every_other = line.slice(0, 0, side, 2).contiguous();
    const at::Tensor coarse =
        field.values(line_positions(every_other, at::arange(few * few * few, at::kLong)))
            .view({few, few, few});
    values_ = at::upsample_trilinear3d(coarse.unsqueeze(0).unsqueeze(0), {side, side, side}, true).flatten();
    // Where the surface can pass between vertices that were asked.
    constexpr double kDiagonal = 1.75;
    const double reach = kDiagonal * (every_other[1] - every_other[0]).item<double>();
    const at::Tensor near = values_.abs().lt(reach).nonzero().squeeze(1);
    values_.index_copy_(0, near, field.values(line_positions(line, near)));
  }

  at::Tensor values(int64_t first, int64_t last) const override { return values_.slice(0, first, last); }
  at::Tensor deformation(const at::Tensor& /*vertices*/) const override { return {}; }
  at::Tensor cube_weights(const at::Tensor& /*corners*/) const override { return {}; }
  int64_t held_bytes() const override { return static_cast<int64_t>(values_.nbytes()); }

 private:
  at::Tensor values_;  // [side^3]
};

class SeenField final : public CompactField {
 public:
  SeenField(std::shared_ptr<const CompactNetwork> network, std::unique_ptr<InflatedField> inflation,
            const at::Tensor& rgba, CompactShape shape)
      : network_(std::move(network)), inflation_(std::move(inflation)), shape_(shape) {
    const at::NoGradGuard no_gradients;
    const at::Tensor heights = heights_in_picture(*inflate_small(rgba), kCompactPicture);
    planes_ = network_->forward(compact_input(rgba.unsqueeze(0), heights.unsqueeze(0)));
    const at::Tensor mask = at::avg_pool2d(planes_.input.slice(1, 3, 4), 2)[0][0];
    const at::Tensor trust = trust_in_network(planes_.errors[0], mask);
    maps_ = at::stack({trust, at::zeros_like(trust), at::full_like(trust, kNoSheet)}).unsqueeze(0);
    elevation_ = believed_elevation(planes_.elevation[0].item<float>(),
                                    (trust * mask).sum().item<float>() / mask.sum().item<float>());
    fill_empty_parts(mask);
  }

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }
  float elevation() const override { return elevation_; }
  at::Tensor values(const at::Tensor& points) const override {
    return asked(points, [this](const at::Tensor& some) {
      const at::Tensor inflated = inflation_->values(some[0]).unsqueeze(0);
      const at::Tensor maps = read_plane(maps_, some.select(2, 1), -some.select(2, 2));
      const at::Tensor own = shape_ == CompactShape::kLayers ? layers_distance(planes_, some)
                                                             : network_->distance(planes_, some, inflated);
      const at::Tensor before = inflated.clamp(-kCompactReach, kCompactReach);
      const at::Tensor shape = before + maps.select(2, 0) * (own - before);
      const at::Tensor half = maps.select(2, 2);
      const at::Tensor sheet = (some.select(2, 0) - maps.select(2, 1)).abs() - half;
      constexpr double kAnySheet = 0.99 * kNoSheet;
      return at::where(half.gt(kAnySheet), at::minimum(shape, sheet), shape)[0];
    });
  }
  at::Tensor colours(const at::Tensor& points) const override {
    return asked(points, [this](const at::Tensor& some) {
      return network_->colour(planes_, some, inflation_->values(some[0]).unsqueeze(0))[0];
    });
  }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override {
    const int64_t side = line.size(0), bytes = 4 * side * side * side;
    constexpr int64_t kWorthIt = 32;
    if (side % 2 == 0 || side < kWorthIt || bytes > byte_budget) return on_grid_by_points(line);
    return std::make_unique<CompactGrid>(*this, line);
  }

 private:
  static constexpr double kNoSheet = -0.07;  // half the thickness where there is none

  template <typename Part>
  at::Tensor asked(const at::Tensor& points, const Part& part) const {
    const at::NoGradGuard no_gradients;
    std::vector<at::Tensor> results;
    for (int64_t first = 0; first < std::max<int64_t>(points.size(0), 1); first += kAtOnce) {
      results.push_back(
          part(points.narrow(0, first, std::min(kAtOnce, points.size(0) - first)).unsqueeze(0)));
    }
    return at::cat(results);
  }

  void fill_empty_parts(const at::Tensor& mask) {
    constexpr int64_t kDepths = 48;
    const int64_t side = mask.size(0);
    const at::Tensor inside = mask.gt(0.5).flatten().nonzero().squeeze(1);
    if (inside.size(0) == 0) return;
    const auto place = [side](const at::Tensor& pixel) {
      return (pixel.to(at::kFloat) + 0.5) * (2.0 / static_cast<double>(side)) - 1;
    };
    const at::Tensor y = place(inside.remainder(side)),
                     z = -place(inside.div(side, /*rounding_mode=*/"floor"));
    const at::Tensor x = at::linspace(-0.99, 0.99, kDepths);
    const int64_t count = inside.size(0);
    const at::Tensor along =
        at::stack({x.unsqueeze(0).expand({count, kDepths}), y.unsqueeze(1).expand({count, kDepths}),
                   z.unsqueeze(1).expand({count, kDepths})},
                  2);
    const at::Tensor nearest = values(along.reshape({-1, 3})).view({count, kDepths}).amin(1);
    // A part that passes between two of the places is not empty.
    constexpr double kMissed = 0.7 * 1.98 / static_cast<double>(kDepths - 1);
    const at::Tensor empty = at::zeros({side * side});
    empty.index_put_({inside}, nearest.gt(kMissed).to(at::kFloat));
    const at::Tensor is_empty = empty.view({side, side}).gt(0);
    const at::Tensor middle = (planes_.layers[0][0] + planes_.layers[0][1]) / 2;
    const at::Tensor height = at::avg_pool2d(planes_.input.slice(1, 5, 6), 2)[0][0];
    maps_[0][1].copy_(averaged(middle.unsqueeze(0), mask.gt(0.5).to(at::kFloat), 1)[0]);
    maps_[0][2].copy_(at::where(is_empty, height, at::full({}, kNoSheet)));
  }

  std::shared_ptr<const CompactNetwork> network_;
  std::unique_ptr<InflatedField> inflation_;
  CompactShape shape_;
  CompactPlanes planes_;
  float elevation_ = 0;
  at::Tensor maps_;  // [1, 3, 64, 64] trust in the network; middle and half the thickness of the sheet
};

}  // namespace

float believed_elevation(float predicted, float trust) {
  constexpr float kLowest = -0.175f, kHighest = 0.873f;  // -10 and 50 degrees, between which it learns
  constexpr float kMistake = 0.1f;                       // smaller angles are within what it is off by
  const float angle = std::clamp(predicted, kLowest, kHighest);
  return angle * trust * std::min(std::abs(angle) / kMistake, 1.0f);
}

at::Tensor trust_in_network(const at::Tensor& errors, const at::Tensor& mask) {
  constexpr int64_t kReach = 8;                       // pixels: a quarter of the picture
  constexpr double kSteepness = 8, kNothing = 0.002;  // errors below this are none
  const at::Tensor even = averaged(errors, mask, kReach);
  const at::Tensor gain = (even[1] - even[0]) / (even[0] + even[1] + kNothing);
  return at::sigmoid(kSteepness * gain);
}

std::unique_ptr<CompactField> compact_field(std::shared_ptr<const CompactNetwork> network,
                                            const Foreground& foreground, const InflationSettings& settings,
                                            const Execution& execution, CompactShape shape) {
  std::unique_ptr<InflatedField> inflation = inflate(foreground, settings, execution);
  return std::make_unique<SeenField>(std::move(network), std::move(inflation),
                                     small_picture(foreground.image), shape);
}

at::Tensor layers_distance(const CompactPlanes& planes, const at::Tensor& points) {
  const at::Tensor x = points.select(2, 0), y = points.select(2, 1), z = points.select(2, 2);
  const at::Tensor layers = read_plane(planes.layers, y, -z),
                   outline = read_plane(planes.input.slice(1, 4, 5), y, -z).squeeze(2);
  const auto interval = [&](int64_t first) {
    return at::maximum(x - layers.select(2, first), layers.select(2, first + 1) - x);
  };
  const at::Tensor second = at::where(layers.select(2, 4).gt(0), interval(2), at::full({}, kCompactReach));
  return at::maximum(at::minimum(interval(0), second), -outline).clamp(-kCompactReach, kCompactReach);
}

}  // namespace relievo

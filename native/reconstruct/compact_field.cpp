#include "reconstruct/compact_field.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "base/error.h"

namespace relievo {
namespace {

class CompactField : public Field {
 public:
  CompactField(std::shared_ptr<const CompactNetwork> network, const at::Tensor& rgba)
      : network_(std::move(network)), device_(network_->parameters().front().device()) {
    const at::NoGradGuard no_gradients;
    planes_ = network_->forward(compact_input(rgba).to(device_));
  }

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return device_; }
  at::Tensor values(const at::Tensor& points) const override {
    return asked(points, [](const CompactAnswer& answer) { return answer.distance[0]; });
  }
  at::Tensor colours(const at::Tensor& points) const override {
    return asked(points, [](const CompactAnswer& answer) { return answer.colour[0]; });
  }

 private:
  template <typename Part>
  at::Tensor asked(const at::Tensor& points, const Part& part) const {
    const at::NoGradGuard no_gradients;
    constexpr int64_t kAtOnce = 1 << 15;  // a point's features take about 1.5 KB
    std::vector<at::Tensor> results;
    for (int64_t first = 0; first < std::max<int64_t>(points.size(0), 1); first += kAtOnce) {
      const int64_t count = std::min(kAtOnce, points.size(0) - first);
      results.push_back(part(network_->answers(planes_, points.narrow(0, first, count).unsqueeze(0))));
    }
    return at::cat(results);
  }

  std::shared_ptr<const CompactNetwork> network_;
  at::Device device_;
  CompactPlanes planes_;
};

}  // namespace

std::unique_ptr<Field> compact_field(std::shared_ptr<const CompactNetwork> network, const Image& picture) {
  if (picture.channels != 4 || picture.width != picture.height || picture.empty()) {
    throw Error(ErrorCode::kInvalidImage, "The picture is not a square with alpha.",
                "Cut the subject out first.");
  }
  const at::Tensor whole =
      at::from_blob(const_cast<float*>(picture.pixels.data()), {1, picture.height, picture.width, 4});
  // Colours count as far as they are covered.
  const at::Tensor alpha = whole.slice(3, 3, 4);
  const at::Tensor small =
      at::adaptive_avg_pool2d(at::cat({whole.slice(3, 0, 3) * alpha, alpha}, 3).permute({0, 3, 1, 2}),
                              {kCompactPicture, kCompactPicture})
          .permute({0, 2, 3, 1});
  const at::Tensor covered = small.slice(3, 3, 4);
  return std::make_unique<CompactField>(
      std::move(network), at::cat({small.slice(3, 0, 3) / covered.clamp_min(1e-6), covered}, 3));
}

}  // namespace relievo

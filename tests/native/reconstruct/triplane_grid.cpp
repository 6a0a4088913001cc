// Heads on a regular grid answer what they answer point by point.
#include "reconstruct/triplane_grid.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace relievo {
namespace {

constexpr int kChannels = 7, kSide = 12;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

void randomise(torch::nn::Module& module) {
  for (auto& parameter : module.parameters()) parameter.set_data(at::randn(parameter.sizes()) * 0.3);
}

class TriplaneGrid : public testing::Test {
 protected:
  TriplaneGrid() {
    at::manual_seed(4);
    planes_ = at::randn({3, kChannels, 9, 9});
    line_ = at::linspace(-1.05, 1.05, kSide);
  }

  at::Tensor planes_, line_;
  at::Tensor all_ = at::arange(int64_t{kSide} * kSide * kSide);
};

void expect_close(const at::Tensor& ours, const at::Tensor& theirs) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_GT(theirs.abs().max().item<double>(), 0);
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-5 * (1 + theirs.abs().max().item<double>()));
}

TEST_F(TriplaneGrid, MeshHeadsAgreeWithPointByPoint) {
  const auto heads = std::make_shared<MeshHeads>(kChannels);
  randomise(*heads);
  const TriplaneMeshField field(planes_, heads);
  const auto shared = field.on_grid(line_, kNoLimit), dense = field.on_grid_by_points(line_);
  expect_close(shared->values(0, all_.size(0)), dense->values(0, all_.size(0)));
  expect_close(shared->values(100, 777), dense->values(100, 777));
  const at::Tensor some = all_.index_select(0, at::randperm(all_.size(0)).slice(0, 0, 200));
  expect_close(shared->deformation(some), dense->deformation(some));
  const at::Tensor corners = at::randint(all_.size(0), {50, 8}, at::kLong);
  expect_close(shared->cube_weights(corners), dense->cube_weights(corners));
}

TEST_F(TriplaneGrid, DensityHeadsAgreeWithPointByPoint) {
  const DensityHeadConfig triposr{DensityModel::kTripoSr, kChannels, /*width=*/20, /*hidden_layers=*/5};
  for (const auto& heads :
       {std::make_shared<DensityHeads>(kChannels), std::make_shared<DensityHeads>(triposr)}) {
    randomise(*heads);
    const TriplaneDensityField field(planes_, heads);
    expect_close(field.on_grid(line_, kNoLimit)->values(0, all_.size(0)),
                 field.on_grid_by_points(line_)->values(0, all_.size(0)));
  }
}

}  // namespace
}  // namespace relievo

#include "benchmarks/native/bench_field.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "nn/tensors.h"
#include "surface/grid.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

/// Answers from what it has computed for the whole grid.
class DenseGrid : public GridField {
 public:
  DenseGrid(const at::Tensor& planes, std::shared_ptr<const MeshHeads> heads, const at::Tensor& line)
      : heads_(std::move(heads)),
        side_(line.size(0)),
        features_(sample_triplane(planes, line_positions(line, at::arange(side_ * side_ * side_)))) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    return heads_->distance->forward(features_.slice(0, first, last)).squeeze(-1);
  }
  at::Tensor deformation(const at::Tensor& vertices) const override {
    if (!deformation_.defined()) {
      deformation_ = in_pieces(features_.size(0), kChunk, [&](int64_t first, int64_t last) {
        return heads_->deformation->forward(features_.slice(0, first, last)).tanh_() / (4 * (side_ - 1));
      });
    }
    return deformation_.index_select(0, vertices);
  }
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    const int64_t cubes = side_ - 1;
    if (!weights_.defined()) {
      const at::Tensor all = grid_cubes(int(cubes));
      const int64_t piece = (all.size(0) + kPieces - 1) / kPieces;
      weights_ = in_pieces(all.size(0), piece, [&](int64_t first, int64_t last) {
        const at::Tensor some = all.slice(0, first, last);
        return heads_->weight->forward(features_.index_select(0, some.flatten()).view({some.size(0), -1}))
            .mul_(0.1);
      });
    }
    const at::Tensor lowest = corners.select(1, 0);
    const at::Tensor x = lowest.div(side_ * side_, "floor"), y = lowest.div(side_, "floor").remainder(side_);
    return weights_.index_select(0, (x * cubes + y) * cubes + lowest.remainder(side_));
  }
  bool cubes_are_narrow() const override { return true; }
  int64_t held_bytes() const override { return static_cast<int64_t>(features_.nbytes()); }

 private:
  static constexpr int64_t kChunk = 1 << 17;
  static constexpr int64_t kPieces = 8;  // as published

  template <typename Evaluate>
  static at::Tensor in_pieces(int64_t count, int64_t piece, const Evaluate& evaluate) {
    at::Tensor all;
    for (int64_t first = 0; first < count; first += piece) {
      const int64_t last = std::min(count, first + piece);
      const at::Tensor part = evaluate(first, last);
      if (!all.defined()) all = at::empty({count, part.size(1)}, part.options());
      all.slice(0, first, last).copy_(part);
    }
    return all;
  }

  std::shared_ptr<const MeshHeads> heads_;
  int64_t side_;
  at::Tensor features_;                       // [side^3, 3 C]
  mutable at::Tensor deformation_, weights_;  // of all vertices and all cubes, once they were asked for
};

}  // namespace

std::unique_ptr<GridField> DenseBenchField::on_grid(const at::Tensor& line, int64_t /*byte_budget*/) const {
  return shaped(std::make_unique<DenseGrid>(planes_, heads_, line), line);
}

void write_bench_field(const std::filesystem::path& path, int64_t channels) {
  at::manual_seed(1);
  std::map<std::string, at::Tensor> tensors{{"planes", at::randn({3, channels, 64, 64})}};
  const MeshHeads heads(channels);
  for (const auto& item : heads.named_parameters()) {
    const at::Tensor& p = item.value();
    const double bound = 1 / std::sqrt(p.dim() == 2 ? static_cast<double>(p.size(1)) : 64.0);
    tensors["heads." + item.key()] = (at::rand(p.sizes()) * 2 - 1) * bound;
  }
  std::map<std::string, TensorView, std::less<>> views;
  for (auto& [name, tensor] : tensors) {
    views[name] = {DType::kFloat32,
                   tensor.sizes().vec(),
                   {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
  }
  write_safetensors(path, views);
}

int64_t bench_field_parameters(int64_t channels) {
  int64_t parameters = 0;
  for (const at::Tensor& p : MeshHeads(channels).parameters()) parameters += p.numel();
  return parameters;
}

ShapedMeshField read_bench_field(const std::filesystem::path& path, RoundShape shape) {
  const TensorFile file = read_safetensors(path);
  const at::Tensor planes = tensor_view(file, "planes").clone();
  const auto heads = std::make_shared<MeshHeads>(planes.size(1));
  load_strict(*heads, file, "heads.", {});
  return {planes, heads, shape};
}

}  // namespace relievo

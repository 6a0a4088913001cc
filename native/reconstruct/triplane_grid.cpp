#include "reconstruct/triplane_grid.h"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>

#include "base/parallel.h"

namespace relievo {
namespace {

// The hidden layers of so many vertices (64 floats each in the published models) stay in a core's cache.
constexpr int64_t kBlock = 1024;

/// Rows of values for each plane, (x, y), (x, z) and (y, z), on the part of the grid whose x begins at
/// `first_x`: [(xs) side, N], the same, and [side^2, N], in that order of indices.
struct PlaneRows {
  std::array<at::Tensor, 3> planes;
  int64_t first_x = 0;
};

/// The planes' features on the grid. Only those of (y, z) are held; the rows of the others belong to one x
/// each, and are computed for the x of a call.
class PlaneFeatures {
 public:
  PlaneFeatures(const at::Tensor& planes, at::Tensor line)
      // The channels are stored last, so that sample_triplane need not reorder them each time.
      : planes_(planes.to(at::kFloat).permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2})),
        line_(std::move(line)) {
    const auto [slow, fast] = slow_and_fast(0, side());
    across_x_ = sample_triplane(planes_, at::stack({fast, slow, fast}, -1)).slice(1, 2 * channels()).clone();
  }

  int64_t side() const { return line_.size(0); }
  int64_t channels() const { return planes_.size(1); }
  int64_t bytes() const { return static_cast<int64_t>(across_x_.nbytes()); }
  const at::Tensor& across_x() const { return across_x_; }

  PlaneRows between(int64_t first_x, int64_t last_x) const {
    const auto [slow, fast] = slow_and_fast(first_x, last_x);
    const at::Tensor along_x = sample_triplane(planes_, at::stack({slow, fast, fast}, -1));
    return {{along_x.slice(1, 0, channels()), along_x.slice(1, channels(), 2 * channels()), across_x_},
            first_x};
  }

 private:
  std::array<at::Tensor, 2> slow_and_fast(int64_t first, int64_t last) const {
    return {line_.slice(0, first, last).unsqueeze(1).expand({last - first, side()}).flatten(),
            line_.unsqueeze(0).expand({last - first, side()}).flatten()};
  }

  at::Tensor planes_, line_, across_x_;
};

/// The summand that the features of plane `plane` contribute to a layer with the weight `[width, 3 C]`; the
/// bias is added with that of (y, z).
at::Tensor plane_term(const at::Tensor& features, int64_t plane, const at::Tensor& weight,
                      const at::Tensor& bias = {}) {
  const int64_t channels = features.size(1);
  const at::Tensor part = weight.slice(1, plane * channels, (plane + 1) * channels).to(features).t();
  return plane == 2 && bias.defined() ? at::addmm(bias.to(features), features, part) : features.mm(part);
}

/// The first layer of a head on the grid, before the activation.
class FirstLayer {
 public:
  FirstLayer(const Head& head, const PlaneFeatures& features)
      : weight_(head.first().weight),
        across_x_(plane_term(features.across_x(), 2, weight_, head.first().bias)) {}

  PlaneRows between(const PlaneFeatures& features, int64_t first_x, int64_t last_x) const {
    const PlaneRows rows = features.between(first_x, last_x);
    return {{plane_term(rows.planes[0], 0, weight_), plane_term(rows.planes[1], 1, weight_), across_x_},
            first_x};
  }
  int64_t bytes() const { return static_cast<int64_t>(across_x_.nbytes()); }

 private:
  at::Tensor weight_, across_x_;
};

/// The rows that belong to a vertex.
std::array<int64_t, 3> rows_of(int64_t vertex, int64_t side, int64_t first_x) {
  const int64_t x = vertex / side / side, y = vertex / side % side, z = vertex % side;
  return {(x - first_x) * side + y, (x - first_x) * side + z, y * side + z};
}

/// The range of x of the vertices [N], N > 0: first .. last - 1.
std::array<int64_t, 2> range_of_x(const at::Tensor& vertices, int64_t side) {
  const auto [lowest, highest] = vertices.aminmax();
  return {lowest.item<int64_t>() / side / side, highest.item<int64_t>() / side / side + 1};
}

/// Sets hidden[i] to the terms of vertex_of(i), or adds them, for i in first..last - 1, on the CPU.
template <typename VertexOf>
void add_terms(const PlaneRows& terms, int64_t side, bool accumulate, float* hidden, int64_t first,
               int64_t last, const VertexOf& vertex_of) {
  const int64_t width = terms.planes[0].size(1);
  const std::array<const float*, 3> data{terms.planes[0].const_data_ptr<float>(),
                                         terms.planes[1].const_data_ptr<float>(),
                                         terms.planes[2].const_data_ptr<float>()};
  for (int64_t i = first; i < last; ++i) {
    const auto rows = rows_of(vertex_of(i), side, terms.first_x);
    const float *a = data[0] + rows[0] * width, *b = data[1] + rows[1] * width,
                *c = data[2] + rows[2] * width;
    float* __restrict out = hidden + i * width;
    if (accumulate) {
      for (int64_t k = 0; k < width; ++k) out[k] += a[k] + b[k] + c[k];
    } else {
      for (int64_t k = 0; k < width; ++k) out[k] = a[k] + b[k] + c[k];
    }
  }
}

/// Does the same for vertices [N] on any device.
at::Tensor gathered_terms(const PlaneRows& terms, int64_t side, const at::Tensor& vertices) {
  const at::Tensor v = vertices.to(terms.planes[0].device());
  const at::Tensor x = v.div(side * side, "floor") - terms.first_x, y = v.div(side, "floor").remainder(side),
                   z = v.remainder(side);
  return terms.planes[0].index_select(0, x * side + y) + terms.planes[1].index_select(0, x * side + z) +
         terms.planes[2].index_select(0, y * side + z);
}

/// Evaluates a head at `count` vertices, the i-th of which has number `vertex_of(i)`: [count, out].
template <typename VertexOf>
at::Tensor head_on_cpu(const Head& head, const PlaneRows& terms, int64_t side, int64_t count,
                       const VertexOf& vertex_of) {
  const int64_t width = terms.planes[0].size(1);
  const at::Tensor probe = head.after_first(at::zeros({1, width}));
  at::Tensor out = at::empty({count, probe.size(1)}, at::kFloat);
  parallel_for(count, kBlock, [&](int64_t first, int64_t last) {
    at::Tensor hidden = at::empty({last - first, width}, at::kFloat);
    add_terms(terms, side, false, hidden.mutable_data_ptr<float>(), 0, last - first,
              [&](int64_t i) { return vertex_of(first + i); });
    out.slice(0, first, last).copy_(head.after_first(hidden));
  });
  return out;
}

at::Tensor head_at(const Head& head, const PlaneRows& terms, int64_t side, const at::Tensor& vertices) {
  if (!terms.planes[0].is_cpu()) return head.after_first(gathered_terms(terms, side, vertices));
  const at::Tensor numbers = vertices.contiguous();
  const int64_t* const number = numbers.const_data_ptr<int64_t>();
  return head_on_cpu(head, terms, side, numbers.size(0), [number](int64_t i) { return number[i]; });
}

at::Tensor head_in_range(const Head& head, const PlaneRows& terms, int64_t side, int64_t first,
                         int64_t last) {
  if (!terms.planes[0].is_cpu())
    return head.after_first(gathered_terms(terms, side, at::arange(first, last, at::kLong)));
  return head_on_cpu(head, terms, side, last - first, [first](int64_t i) { return first + i; });
}

class MeshOnGrid : public GridField {
 public:
  MeshOnGrid(const at::Tensor& planes, std::shared_ptr<const MeshHeads> heads, const at::Tensor& line)
      : heads_(std::move(heads)),
        side_(line.size(0)),
        features_(planes, line),
        distance_(*heads_->distance, features_),
        deformation_(*heads_->deformation, features_) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    const PlaneRows terms =
        distance_.between(features_, first / side_ / side_, (last - 1) / side_ / side_ + 1);
    return head_in_range(*heads_->distance, terms, side_, first, last).squeeze(-1);
  }

  at::Tensor deformation(const at::Tensor& vertices) const override {
    const auto [first_x, last_x] = range_of_x(vertices, side_);
    const PlaneRows terms = deformation_.between(features_, first_x, last_x);
    return head_at(*heads_->deformation, terms, side_, vertices).tanh_() / (4 * (side_ - 1));
  }

  // The corners are taken one by one, so that the terms of only one corner are held.
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    const Head& head = *heads_->weight;
    const at::Tensor weight = head.first().weight;
    const int64_t cubes = corners.size(0), per_corner = 3 * features_.channels();
    const auto [first_x, last_x] = range_of_x(corners, side_);
    const PlaneRows features = features_.between(first_x, last_x);
    at::Tensor hidden = at::zeros({cubes, weight.size(0)}, features.planes[0].options());
    for (int64_t corner = 0; corner < 8; ++corner) {
      const at::Tensor part = weight.slice(1, corner * per_corner, (corner + 1) * per_corner);
      PlaneRows terms{{}, first_x};
      for (int64_t plane = 0; plane < 3; ++plane)
        terms.planes[plane] =
            plane_term(features.planes[plane], plane, part, corner == 0 ? head.first().bias : at::Tensor());
      const at::Tensor vertices = corners.select(1, corner).contiguous();
      if (!hidden.is_cpu()) {
        hidden += gathered_terms(terms, side_, vertices);
        continue;
      }
      const int64_t* const number = vertices.const_data_ptr<int64_t>();
      float* const out = hidden.mutable_data_ptr<float>();
      parallel_for(cubes, kBlock, [&](int64_t first, int64_t last) {
        add_terms(terms, side_, true, out, first, last, [number](int64_t i) { return number[i]; });
      });
    }
    return head.after_first(hidden).mul_(0.1);
  }

  bool cubes_are_narrow() const override { return true; }
  int64_t held_bytes() const override {
    return features_.bytes() + distance_.bytes() + deformation_.bytes() + distance_.bytes();
  }

 private:
  std::shared_ptr<const MeshHeads> heads_;
  int64_t side_;
  PlaneFeatures features_;
  FirstLayer distance_, deformation_;
};

class DensityOnGrid : public GridField {
 public:
  DensityOnGrid(const at::Tensor& planes, std::shared_ptr<const DensityHeads> heads, const at::Tensor& line)
      : heads_(std::move(heads)),
        side_(line.size(0)),
        features_(planes, line),
        layer_(*heads_->density_and_colour, features_) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    const PlaneRows terms = layer_.between(features_, first / side_ / side_, (last - 1) / side_ / side_ + 1);
    return heads_->density(head_in_range(*heads_->density_and_colour, terms, side_, first, last));
  }
  at::Tensor deformation(const at::Tensor&) const override { return {}; }
  at::Tensor cube_weights(const at::Tensor&) const override { return {}; }
  int64_t held_bytes() const override { return features_.bytes() + layer_.bytes(); }

 private:
  std::shared_ptr<const DensityHeads> heads_;
  int64_t side_;
  PlaneFeatures features_;
  FirstLayer layer_;
};

}  // namespace

int64_t triplane_on_grid_bytes(const at::Tensor& planes, int64_t side, int64_t width) {
  constexpr int64_t kLayers = 3;  // two layers are held, and one is made for a corner
  // While the features are computed, those of all three planes are held.
  return side * side * static_cast<int64_t>(sizeof(float)) *
         std::max(3 * planes.size(1), planes.size(1) + kLayers * width);
}

std::unique_ptr<GridField> triplane_on_grid(const at::Tensor& planes, std::shared_ptr<const MeshHeads> heads,
                                            const at::Tensor& line) {
  return std::make_unique<MeshOnGrid>(planes, std::move(heads), line);
}

std::unique_ptr<GridField> triplane_on_grid(const at::Tensor& planes,
                                            std::shared_ptr<const DensityHeads> heads,
                                            const at::Tensor& line) {
  return std::make_unique<DensityOnGrid>(planes, std::move(heads), line);
}

}  // namespace relievo

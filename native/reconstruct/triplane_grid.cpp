#include "reconstruct/triplane_grid.h"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>

#include "base/parallel.h"

namespace relievo {
namespace {

// Vertices whose hidden layers (64 floats each) stay in a core's cache.
constexpr int64_t kBlock = 1024;

/// What each plane adds to a layer: [side^2, 64] for the planes (x, y), (x, z) and (y, z), in that order of
/// indices.
using PlaneTerms = std::array<at::Tensor, 3>;

/// The features of each plane on the grid, `[side^2, C]`, indexed as PlaneTerms.
PlaneTerms sample_planes(const at::Tensor& planes, const at::Tensor& line) {
  const int64_t side = line.size(0), channels = planes.size(1);
  const at::Tensor slow = line.unsqueeze(1).expand({side, side}).flatten(),
                   fast = line.unsqueeze(0).expand({side, side}).flatten();
  const at::Tensor along_x = sample_triplane(planes, at::stack({slow, fast, fast}, -1)),
                   along_y = sample_triplane(planes, at::stack({fast, slow, fast}, -1));
  return {along_x.slice(1, 0, channels).contiguous(), along_x.slice(1, channels, 2 * channels).contiguous(),
          along_y.slice(1, 2 * channels).contiguous()};
}

/// The part of a first layer, `weight` `[64, 3 C]`, that each plane's features go through.
PlaneTerms plane_terms(const PlaneTerms& features, const at::Tensor& weight, const at::Tensor& bias = {}) {
  const int64_t channels = features[0].size(1);
  PlaneTerms terms;
  for (int64_t plane = 0; plane < 3; ++plane) {
    const at::Tensor part = weight.slice(1, plane * channels, (plane + 1) * channels).to(features[0]);
    terms[plane] = plane == 0 && bias.defined() ? at::addmm(bias.to(features[0]), features[plane], part.t())
                                                : features[plane].mm(part.t());
  }
  return terms;
}

/// The rows of the three terms that a vertex adds up.
std::array<int64_t, 3> rows_of(int64_t vertex, int64_t side) {
  const int64_t x = vertex / side / side, y = vertex / side % side, z = vertex % side;
  return {x * side + y, x * side + z, y * side + z};
}

/// hidden[i] (+)= the terms of vertex_of(i), for i in first..last - 1, on the CPU.
template <typename VertexOf>
void add_terms(const PlaneTerms& terms, int64_t side, bool accumulate, float* hidden, int64_t first,
               int64_t last, const VertexOf& vertex_of) {
  const int64_t width = terms[0].size(1);
  const std::array<const float*, 3> data{terms[0].const_data_ptr<float>(), terms[1].const_data_ptr<float>(),
                                         terms[2].const_data_ptr<float>()};
  for (int64_t i = first; i < last; ++i) {
    const auto rows = rows_of(vertex_of(i), side);
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

/// The same for vertices [N] on any device.
at::Tensor gathered_terms(const PlaneTerms& terms, int64_t side, const at::Tensor& vertices) {
  const at::Tensor v = vertices.to(terms[0].device());
  const at::Tensor x = v.div(side * side, "floor"), y = v.div(side, "floor").remainder(side),
                   z = v.remainder(side);
  return terms[0].index_select(0, x * side + y) + terms[1].index_select(0, x * side + z) +
         terms[2].index_select(0, y * side + z);
}

/// A head at `count` vertices, the number of the i-th given by `vertex_of`: [count, out].
template <typename VertexOf>
at::Tensor head_on_cpu(const Head& head, const PlaneTerms& terms, int64_t side, int64_t count,
                       const VertexOf& vertex_of) {
  const int64_t width = terms[0].size(1);
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

at::Tensor head_at(const Head& head, const PlaneTerms& terms, int64_t side, const at::Tensor& vertices) {
  if (!terms[0].is_cpu()) return head.after_first(gathered_terms(terms, side, vertices));
  const at::Tensor numbers = vertices.contiguous();
  const int64_t* const number = numbers.const_data_ptr<int64_t>();
  return head_on_cpu(head, terms, side, numbers.size(0), [number](int64_t i) { return number[i]; });
}

at::Tensor head_in_range(const Head& head, const PlaneTerms& terms, int64_t side, int64_t first,
                         int64_t last) {
  if (!terms[0].is_cpu())
    return head.after_first(gathered_terms(terms, side, at::arange(first, last, at::kLong)));
  return head_on_cpu(head, terms, side, last - first, [first](int64_t i) { return first + i; });
}

class MeshOnGrid : public GridField {
 public:
  MeshOnGrid(const at::Tensor& planes, std::shared_ptr<const MeshHeads> heads, const at::Tensor& line)
      : heads_(std::move(heads)),
        side_(line.size(0)),
        features_(sample_planes(planes, line)),
        distance_(first_layer(*heads_->distance)),
        deformation_(first_layer(*heads_->deformation)) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    return head_in_range(*heads_->distance, distance_, side_, first, last).squeeze(-1);
  }

  at::Tensor deformation(const at::Tensor& vertices) const override {
    return head_at(*heads_->deformation, deformation_, side_, vertices).tanh_() / (4 * (side_ - 1));
  }

  // Corner by corner, so that the terms of one corner only are held.
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    const Head& head = *heads_->weight;
    const at::Tensor weight = head.first().weight;
    const int64_t cubes = corners.size(0), per_corner = 3 * features_[0].size(1);
    at::Tensor hidden = at::zeros({cubes, weight.size(0)}, features_[0].options());
    for (int64_t corner = 0; corner < 8; ++corner) {
      const PlaneTerms terms =
          plane_terms(features_, weight.slice(1, corner * per_corner, (corner + 1) * per_corner),
                      corner == 0 ? head.first().bias : at::Tensor());
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

 private:
  PlaneTerms first_layer(const Head& head) const {
    return plane_terms(features_, head.first().weight, head.first().bias);
  }

  std::shared_ptr<const MeshHeads> heads_;
  int64_t side_;
  PlaneTerms features_, distance_, deformation_;
};

class DensityOnGrid : public GridField {
 public:
  DensityOnGrid(const at::Tensor& planes, std::shared_ptr<const DensityHeads> heads, const at::Tensor& line)
      : heads_(std::move(heads)),
        side_(line.size(0)),
        terms_(plane_terms(sample_planes(planes, line), heads_->density_and_colour->first().weight,
                           heads_->density_and_colour->first().bias)) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    const at::Tensor raw = head_in_range(*heads_->density_and_colour, terms_, side_, first, last);
    return at::softplus(raw.select(-1, 0) - 1);
  }
  at::Tensor deformation(const at::Tensor&) const override { return {}; }
  at::Tensor cube_weights(const at::Tensor&) const override { return {}; }

 private:
  std::shared_ptr<const DensityHeads> heads_;
  int64_t side_;
  PlaneTerms terms_;
};

}  // namespace

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

#include "reconstruct/compact_network.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr int64_t kTokenSide = 8;
constexpr int64_t kTokensOfPlane = kTokenSide * kTokenSide;
constexpr int64_t kGeometry = 13;

/// Doubles the size smoothly: pixel shuffle alone leaves ridges in a surface.
at::Tensor doubled(const at::Tensor& x) {
  return at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, false);
}

std::vector<std::shared_ptr<Linear>> make_head(Group& owner, const std::string& name, int64_t in,
                                               int64_t hidden, int64_t out) {
  return {owner.add(name + ".0", std::make_shared<Linear>(in, hidden)),
          owner.add(name + ".2", std::make_shared<Linear>(hidden, hidden)),
          owner.add(name + ".4", std::make_shared<Linear>(hidden, out))};
}

at::Tensor through(const std::vector<std::shared_ptr<Linear>>& head, at::Tensor x) {
  for (size_t i = 0; i + 1 < head.size(); ++i) x = at::silu(head[i]->forward(x));
  return head.back()->forward(x);
}

}  // namespace

at::Tensor read_plane(const at::Tensor& plane, const at::Tensor& column, const at::Tensor& row) {
  constexpr int64_t kBilinear = 0, kBorder = 1;
  const at::Tensor grid = at::stack({column, row}, -1).unsqueeze(1).to(plane.scalar_type());
  return at::grid_sampler_2d(plane, grid, kBilinear, kBorder, false).squeeze(2).transpose(1, 2);
}

CompactBlock::CompactBlock(int64_t width, int64_t heads_)
    : heads(heads_),
      norm1(add("norm1", std::make_shared<LayerNorm>(width, 1e-5))),
      norm2(add("norm2", std::make_shared<LayerNorm>(width, 1e-5))),
      query_key_value(add("qkv", std::make_shared<Linear>(width, 3 * width))),
      out(add("out", std::make_shared<Linear>(width, width))),
      expand(add("mlp.0", std::make_shared<Linear>(width, 4 * width))),
      contract(add("mlp.2", std::make_shared<Linear>(4 * width, width))) {}

at::Tensor CompactBlock::forward(const at::Tensor& x) const {
  const auto parts = query_key_value->forward(norm1->forward(x)).chunk(3, 2);
  const at::Tensor y = x + out->forward(multi_head_attention(parts[0], parts[1], parts[2], heads));
  return y + contract->forward(at::gelu(expand->forward(norm2->forward(y))));
}

CompactNetwork::CompactNetwork(const CompactConfig& config) : config_(config) {
  const int64_t width = config.width, channels = config.channels;
  // Channels at 32 and 16 squared, where there are `width` at 8, and of what grows from there.
  const int64_t level0 = width / 2, level1 = 5 * width / 6, half = width / 2, third = width / 3,
                quarter = width / 4;
  const auto conv = [this](const std::string& name, int64_t in, int64_t out, int64_t stride = 1) {
    return add(name, std::make_shared<Conv2d>(in, out, 3, ConvSettings{.stride = stride, .padding = 1}));
  };
  stem_ = conv("stem", kCompactChannels * 16, level0);
  down1_ = conv("down1", level0, level1, 2);
  down2_ = conv("down2", level1, width, 2);
  int level = 0;
  for (const int64_t size : {level0, level1, width}) {
    residuals_.push_back(conv(fmt::format("residual{}.0", level), size, size));
    residuals_.push_back(conv(fmt::format("residual{}.2", level), size, size));
    ++level;
  }
  places_ = register_parameter("places", placeholder({1, 3 * kTokensOfPlane, width}), false);
  to_above_ = add("to_above", std::make_shared<Linear>(width, width));
  to_side_ = add("to_side", std::make_shared<Linear>(width, width));
  elevation_ = add("elevation", std::make_shared<Linear>(width, 1));
  for (int64_t i = 0; i < config.blocks; ++i) {
    blocks_.push_back(add(fmt::format("blocks.{}", i), std::make_shared<CompactBlock>(width, config.heads)));
  }
  norm_ = add("norm", std::make_shared<LayerNorm>(width, 1e-5));
  image_up_ = {conv("image_up.0", width + level1, half), conv("image_up.1", half + level0, third),
               conv("image_up.2", third, quarter), conv("image_up.3", quarter, channels)};
  above_up_ = {conv("above_up.0", width, half), conv("above_up.1", half, third),
               conv("above_up.2", third, channels)};
  side_up_ = {conv("side_up.0", width, half), conv("side_up.1", half, third),
              conv("side_up.2", third, channels)};
  layers_ = conv("layers", channels, 7);
  distance_ = make_head(*this, "distance", 3 * channels + kGeometry, config.hidden, 1);
  colour_ = make_head(*this, "colour", 3 * channels + kGeometry + 3, config.hidden, 4);
}

at::Tensor CompactNetwork::residual(size_t level, const at::Tensor& x) const {
  return x + residuals_[2 * level + 1]->forward(at::silu(residuals_[2 * level]->forward(at::silu(x))));
}

CompactPlanes CompactNetwork::forward(const at::Tensor& input, const BlockRunner& run_block) const {
  CompactPlanes planes;
  planes.input = input;
  const at::Tensor level0 = residual(0, stem_->forward(at::pixel_unshuffle(input, 4)));
  const at::Tensor level1 = residual(1, down1_->forward(at::silu(level0)));
  const at::Tensor level2 = residual(2, down2_->forward(at::silu(level1)));

  // The image plane's tokens are the picture's; those of the others begin as the means of its columns and
  // rows.
  const auto repeated = [](const at::Tensor& line, int64_t dimension) {
    return line.unsqueeze(dimension).expand({-1, kTokenSide, kTokenSide, -1}).flatten(1, 2);
  };
  const at::Tensor map = level2.permute({0, 2, 3, 1});  // [B, 8, 8, width]
  at::Tensor tokens = at::cat({map.flatten(1, 2), repeated(to_above_->forward(map.mean(1)), 1),
                               repeated(to_side_->forward(map.mean(2)), 2)},
                              1) +
                      places_;
  for (const auto& block : blocks_) {
    const BlockBody body = [block](const std::vector<at::Tensor>& in) { return block->forward(in[0]); };
    tokens = run_block ? run_block(body, {tokens}) : body({tokens});
  }
  tokens = norm_->forward(tokens);
  planes.elevation = elevation_->forward(tokens.mean(1)).squeeze(1).to(at::kFloat);

  const auto plane_of = [&](int64_t index) {
    return tokens.narrow(1, index * kTokensOfPlane, kTokensOfPlane)
        .transpose(1, 2)
        .unflatten(2, {kTokenSide, kTokenSide});
  };
  at::Tensor image = at::silu(image_up_[0]->forward(at::cat({doubled(plane_of(0)), level1}, 1)));
  image = at::silu(image_up_[1]->forward(at::cat({doubled(image), level0}, 1)));
  image = at::silu(image_up_[2]->forward(doubled(image)));
  planes.image = image_up_[3]->forward(image).to(at::kFloat);
  const auto grown = [](const std::vector<std::shared_ptr<Conv2d>>& up, at::Tensor x) {
    x = at::silu(up[0]->forward(doubled(x)));
    x = at::silu(up[1]->forward(doubled(x)));
    return up[2]->forward(x).to(at::kFloat);
  };
  planes.above = grown(above_up_, plane_of(1));
  planes.side = grown(side_up_, plane_of(2));
  // Depths are corrections of the inflation's, front and back; what the errors begin with is a usual one.
  constexpr double kUsualError = -3;
  const at::Tensor maps = layers_->forward(at::silu(planes.image)).to(at::kFloat);
  const at::Tensor height = at::avg_pool2d(input.slice(1, 5, 6), 2);
  planes.layers =
      at::cat({maps.slice(1, 0, 1) + height, maps.slice(1, 1, 2) - height, maps.slice(1, 2, 5)}, 1);
  planes.errors = at::softplus(maps.slice(1, 5, 7) + kUsualError);
  return planes;
}

at::Tensor CompactNetwork::features(const CompactPlanes& planes, const at::Tensor& points,
                                    const at::Tensor& inflated, const at::Tensor& seen) const {
  const at::Tensor x = points.select(2, 0), y = points.select(2, 1), z = points.select(2, 2);
  const at::Tensor d = seen.select(2, 4), height = seen.select(2, 5), thick = x.abs();
  const at::Tensor geometry = at::stack(
      {d, x, thick - d / 2, thick - d, thick - 2 * d, height, thick - height, inflated.clamp(-0.5, 0.5)}, 2);
  // How far before or behind the predicted fronts and backs a point is tells where the surface passes.
  const at::Tensor layers = read_plane(planes.layers, y, -z);
  const at::Tensor before = (x.unsqueeze(2) - layers.slice(2, 0, 4)).clamp(-0.5, 0.5);
  return at::cat({read_plane(planes.image, y, -z), read_plane(planes.above, y, -x),
                  read_plane(planes.side, x, -z), geometry, before, at::sigmoid(layers.slice(2, 4, 5))},
                 2);
}

at::Tensor CompactNetwork::distance_of(const at::Tensor& features, const at::Tensor& inflated,
                                       const at::Tensor& seen) const {
  const at::Tensor correction = through(distance_, features).squeeze(2).to(at::kFloat);
  // Further away than distances are learnt the inflation says no more than the side.
  return at::maximum(inflated.clamp(-kCompactReach, kCompactReach) + correction, -seen.select(2, 4));
}

at::Tensor CompactNetwork::colour_of(const at::Tensor& features, const at::Tensor& seen) const {
  // The picture's colour, as far as a gate lets it through, and one of the network's own.
  const at::Tensor picture = (seen.slice(2, 0, 3) + 0.5).clamp(0, 1);
  const at::Tensor mixed =
      at::sigmoid(through(colour_, at::cat({features, picture - 0.5}, 2)).to(at::kFloat));
  const at::Tensor gate = mixed.slice(2, 3, 4);
  return gate * picture + (1 - gate) * mixed.slice(2, 0, 3);
}

at::Tensor CompactNetwork::distance(const CompactPlanes& planes, const at::Tensor& points,
                                    const at::Tensor& inflated) const {
  const at::Tensor seen = read_plane(planes.input, points.select(2, 1), -points.select(2, 2));
  return distance_of(features(planes, points, inflated, seen), inflated, seen);
}

at::Tensor CompactNetwork::colour(const CompactPlanes& planes, const at::Tensor& points,
                                  const at::Tensor& inflated) const {
  const at::Tensor seen = read_plane(planes.input, points.select(2, 1), -points.select(2, 2));
  return colour_of(features(planes, points, inflated, seen), seen);
}

CompactAnswer CompactNetwork::answers(const CompactPlanes& planes, const at::Tensor& points,
                                      const at::Tensor& inflated) const {
  const at::Tensor seen = read_plane(planes.input, points.select(2, 1), -points.select(2, 2));
  const at::Tensor all = features(planes, points, inflated, seen);
  return {distance_of(all, inflated, seen), colour_of(all, seen)};
}

void initialise(CompactNetwork& network) {
  for (const auto& item : network.named_parameters()) {
    at::Tensor parameter = item.value();
    const std::string& name = item.key();
    at::Tensor values = at::zeros(parameter.sizes());
    const bool is_norm = name.find("norm") != std::string::npos;
    if (name == "places") {
      values.normal_(0, 0.02);
    } else if (parameter.dim() == 1) {
      if (is_norm && name.ends_with("weight")) values.fill_(1);
    } else {
      const int64_t fan_in = parameter.numel() / parameter.size(0);
      const bool is_added = name.ends_with("out.weight") || name.ends_with("mlp.2.weight") ||
                            (name.starts_with("residual") && name.ends_with(".2.weight"));
      double gain = is_added ? 0.3 : std::sqrt(2.0);
      if (name.ends_with("qkv.weight")) gain = 1;
      if (name == "colour.4.weight") gain = 0.5;
      if (name == "distance.4.weight" || name == "layers.weight") gain = 0.1;  // of corrections
      values.normal_(0, gain / std::sqrt(static_cast<double>(fan_in)));
    }
    parameter.set_data(values);
  }
}

}  // namespace relievo

#include "benchmarks/native/bench_triposr.h"

#include <cmath>

#include <ATen/ATen.h>

#include "benchmarks/native/bench_field.h"
#include "benchmarks/native/bench_side.h"
#include "nn/layers.h"
#include "reconstruct/load.h"
#include "reconstruct/triplane_grid.h"
#include "surface/surface.h"

namespace relievo {
namespace {

using nlohmann::json;

// Random heads have no surface: this is added to their density (triposr.py, Shaped).
at::Tensor shape_density(const at::Tensor& points) {
  constexpr double kSteepness = 20, kOnSurface = 25;
  return (shape_distance(points, RoundShape::kEllipsoid) * -kSteepness).exp_() * kOnSurface;
}

class ShapedGrid : public GridField {
 public:
  ShapedGrid(std::unique_ptr<GridField> heads, at::Tensor line)
      : heads_(std::move(heads)), line_(std::move(line)) {}
  at::Tensor values(int64_t first, int64_t last) const override {
    return heads_->values(first, last) + shape_density(line_positions(line_, at::arange(first, last)));
  }
  at::Tensor deformation(const at::Tensor& vertices) const override { return heads_->deformation(vertices); }
  at::Tensor cube_weights(const at::Tensor& corners) const override { return heads_->cube_weights(corners); }
  int64_t held_bytes() const override { return heads_->held_bytes(); }

 private:
  std::unique_ptr<GridField> heads_;
  at::Tensor line_;
};

class ShapedField : public TriplaneDensityField {
 public:
  using TriplaneDensityField::TriplaneDensityField;
  at::Tensor values(const at::Tensor& points) const override {
    return TriplaneDensityField::values(points) + shape_density(points);
  }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override {
    return std::make_unique<ShapedGrid>(TriplaneDensityField::on_grid(line, byte_budget), line);
  }
};

/// Numbers of vertices and faces, area, mean colour: triposr.py, facts().
at::Tensor facts_of(const Surface& surface, const Field& field) {
  constexpr int64_t kChunk = 1 << 17;
  const at::Tensor points = at::from_blob(const_cast<Float3*>(surface.vertices.data()),
                                          {std::ssize(surface.vertices), 3}, at::kFloat);
  const at::Tensor faces =
      at::from_blob(const_cast<Int3*>(surface.faces.data()), {std::ssize(surface.faces), 3}, at::kInt);
  at::Tensor colours = at::zeros({3}, at::kDouble);
  for (const at::Tensor& some : points.split(kChunk)) colours += field.colours(some).to(at::kDouble).sum(0);
  const at::Tensor scaled = points.to(at::kDouble) * kTripoSrRadius;
  const auto corner = [&](int64_t k) { return scaled.index_select(0, faces.select(1, k)); };
  const at::Tensor area =
      at::cross(corner(1) - corner(0), corner(2) - corner(0), 1).norm(2, at::IntArrayRef{1}).sum() / 2;
  const at::Tensor counts =
      at::tensor({static_cast<double>(points.size(0)), static_cast<double>(faces.size(0))}, at::kDouble);
  return at::cat({counts, area.view({1}), colours / points.size(0)});
}

std::function<at::Tensor()> codes_side(const TripoSrConfig& config, const at::Tensor& block,
                                       const at::TensorOptions& options, int64_t& weights) {
  const auto network = std::make_shared<TripoSr>(config, 0, TripoSr::blocks(config), PlanesHeads::kNo);
  weights = fill_with_numbers(*network, block, options);
  const int64_t side = config.picture_side;
  const at::Tensor picture = (numbers_of("picture", {1, 3, side, side}, block) + 0.5).to(options);
  return [=] {
    PlanesWalk walk;
    walk.encoder.pixels = picture;
    network->advance(walk);
    return walk.tokens[0];
  };
}

std::function<at::Tensor()> mesh_side(const TripoSrConfig& config, int grid, const at::Tensor& block,
                                      int64_t& weights) {
  Group parent;
  const auto heads = Group::add_below(parent, "decoder", std::make_shared<DensityHeads>(config.head()));
  weights = fill_with_numbers(parent, block, at::kFloat);
  const int64_t side = 2 * config.transformer.plane_side;
  const at::Tensor codes =
      numbers_of("scene_codes", {3, config.transformer.plane_channels, side, side}, block) * 3.4;
  const auto field = std::make_shared<ShapedField>(third_plane_turned(codes).contiguous(), heads);
  return [=] {
    const Surface surface = extract_surface(*field, {.grid = grid, .close_at_box = false}, {});
    return facts_of(surface, *field);
  };
}

/// Returns whether both sides' facts are the same, except for rounding.
bool are_same(const json& ours, const json& other) {
  if (ours.size() != other.size()) return false;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double a = ours[i], b = other[i];
    if (!(std::abs(a - b) <= 1e-3 * std::abs(b))) return false;
  }
  return true;
}

json config_of(bool quick) {
  const int64_t width = quick ? 64 : 768, heads = quick ? 2 : 12, channels = quick ? 128 : 1024;
  return {{"cond_image_size", quick ? 64 : 512},
          {"tokenizer", {{"num_channels", channels}, {"plane_size", quick ? 8 : 32}}},
          {"backbone",
           {{"num_attention_heads", quick ? 2 : 16},
            {"attention_head_dim", 64},
            {"num_layers", quick ? 2 : 16},
            {"cross_attention_dim", width}}},
          {"post_processor", {{"out_channels", 40}}},
          {"decoder", {{"in_channels", 120}, {"n_neurons", 64}, {"n_hidden_layers", 9}}},
          {"vit",
           {{"hidden", width}, {"heads", heads}, {"layers", quick ? 2 : 12}, {"patch", 16}, {"image", 224}}}};
}

}  // namespace

json bench_triposr_own_side(const json& arguments) {
  const TripoSrConfig config = triposr_config(arguments.at("system"));
  const bool is_mesh = arguments.at("part") == "mesh";
  return measure_side(arguments,
                      [&](const at::Tensor& block, const at::TensorOptions& options, int64_t& weights) {
                        return is_mesh ? mesh_side(config, arguments.at("grid"), block, weights)
                                       : codes_side(config, block, options, weights);
                      });
}

json bench_triposr(const BenchOptions& options) {
  json arguments{{"system", config_of(options.quick)}, {"part", "codes"}, {"grid", options.quick ? 48 : 256}};
  json report = report_of_pair("triposr", options, arguments, kTripoSrEnvironment);
  arguments.update({{"part", "mesh"},
                    {"threads", options.threads},
                    {"repeats", 1},
                    {"warm_up", 1},
                    {"device", "cpu"},
                    {"compiled", false},
                    {"dtype", "float32"}});
  json ours = run_own_side("triposr", arguments);
  const json other = run_baseline("triposr.py", arguments, kTripoSrEnvironment);
  report["mesh"] = {
      {"ours_s", ours.at("seconds")},
      {"other_s", other.at("seconds")},
      {"ratio", other.at("seconds").get<double>() / ours.at("seconds").get<double>()},
      {"ours_peak_bytes", ours.at("peak_bytes")},
      {"other_peak_bytes", other.at("peak_bytes")},
      {"memory_ratio", other.at("peak_bytes").get<double>() / ours.at("peak_bytes").get<double>()},
      {"facts", ours.at("sample")},
      {"other_facts", other.at("sample")},
      {"exact", are_same(ours.at("sample"), other.at("sample"))}};
  return report;
}

}  // namespace relievo

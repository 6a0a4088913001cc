// triposr_preprocess, triposr_image_tokenizer, triposr_transformer, triposr_upsample_decoder,
// triposr_isosurface, triposr_end_to_end: TripoSR and its parts.
#include <cmath>
#include <iterator>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "foreground/published_crop.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "reconstruct/triposr.h"
#include "reconstruct/triposr_picture.h"
#include "surface/marching_cubes.h"
#include "surface/surface.h"
#include "verify/byte_tensor.h"
#include "verify/checks.h"
#include "verify/compare_marching.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr Tolerance kBytes{};
constexpr Tolerance kExact{.absolute = 1e-5};
constexpr Tolerance kActivations{.relative = 1e-4};
constexpr Tolerance kRaw{.absolute = 1e-4};

/// [H, W, C] as the fixtures have pictures.
at::Tensor as_picture(const at::Tensor& shown) { return shown[0].permute({1, 2, 0}); }

/// What a name ends in, as a number: "a/foreground0.85" -> 0.85.
double number_at_end(const std::string& name) {
  return std::stod(name.substr(name.find_last_not_of("0123456789.") + 1));
}

void check_crops(Fixture& fixture, const std::string& prefix, const json& facts) {
  const ByteImage rgba = bytes_from_tensor(fixture.read(prefix + "rgba"));
  if (fixture.has(prefix + "composited")) {
    fixture.compare(prefix + "composited", tensor_from_bytes(over_grey(rgba)), kBytes);
  }
  for (const auto& [ratio, result] : facts.items()) {
    if (!result.is_object()) continue;  // a fact of the case itself
    if (result.contains("raises")) {
      // Where the published code stumbles over what it cut out, ours reports it or cuts out nothing.
      try {
        if (published_crop(rgba, std::stod(ratio)).pixels.empty()) continue;
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kNoSubject) continue;
      }
      fixture.fail(prefix, fmt::format("cropping at {} should leave nothing", ratio));
      continue;
    }
    const ByteImage cropped = published_crop(rgba, std::stod(ratio)), rgb = over_grey(cropped);
    fixture.compare(prefix + "foreground" + ratio, tensor_from_bytes(cropped), kBytes);
    fixture.compare(prefix + "rgb" + ratio, tensor_from_bytes(rgb), kBytes);
    for (const std::string& name : fixture.tensors(prefix + "cond" + ratio)) {
      const auto side = std::stoll(name.substr(name.rfind('_') + 1));
      fixture.compare(name, as_picture(triposr_picture(rgb, side)), kExact);
    }
  }
}

/// What is shown without background removal: the picture's colours as they are.
void check_whole(Fixture& fixture, const std::string& prefix) {
  const at::Tensor rgb = fixture.read(prefix + "rgba").slice(2, 0, 3).contiguous();
  fixture.compare(prefix + "rgb", rgb, kBytes);
  for (const std::string& name : fixture.tensors(prefix + "cond_")) {
    const at::Tensor shown = triposr_picture(bytes_from_tensor(rgb), std::llround(number_at_end(name)));
    fixture.compare(name, as_picture(shown), kExact);
  }
}

/// At full size, some rows.
void check_full(Fixture& fixture, const std::string& prefix) {
  constexpr int64_t kSide = 512, kEvery = 37;
  const double ratio = fixture.config().at("foreground_ratio");
  const ByteImage rgba = bytes_from_tensor(fixture.read(prefix + "rgba"));
  const at::Tensor shown = as_picture(triposr_picture(over_grey(published_crop(rgba, ratio)), kSide));
  fixture.compare(prefix + "cond_512_rows", shown.slice(0, 0, kSide, kEvery), kExact);
}

/// Compares what the fixture has under the names that the observer is called with; `shaped` gives it the
/// fixture's shape.
template <typename Shaped>
Observer comparing(Fixture& fixture, const std::string& prefix, const Shaped& shaped) {
  return [&fixture, prefix, shaped](const std::string& name, const at::Tensor& value) {
    if (!fixture.has(prefix + name)) return;
    const bool is_exact = name == "pixel_values" || name == "pos_embed" || name == "tokens";
    fixture.compare(prefix + name, shaped(name, value), is_exact ? kExact : kActivations);
  };
}

/// Elementwise, relative to what is above 1; and so that a change of any element is noticed.
void compare_densities(Fixture& fixture, const std::string& name, const at::Tensor& ours) {
  constexpr double kRelative = 2e-4;
  const at::Tensor theirs = fixture.read(name);
  fixture.compare(name, ours, {.relative = kRelative});
  if (ours.sizes() != theirs.sizes()) return;
  const at::Tensor error = (ours - theirs).abs() / theirs.clamp_min(1);
  fixture.record(name, error.max().item<double>(), kRelative);
}

/// The box that TripoSR's coordinates are in, as the model box. In the published order of operations: a
/// coordinate's last bit is 2e-4 of the small network's colour features, which are as large as 90.
at::Tensor in_model_box(const at::Tensor& points) {
  return (points + kTripoSrRadius) / (2 * kTripoSrRadius) * 2 - 1;
}

/// One camera's rays: where they begin `[3]`, and their directions `[H, W, 3]`.
struct Rays {
  at::Tensor origin, directions;
};

/// A camera that looks at the origin from `azimuth` degrees, 0 being +x and +y coming after it.
Rays rays_from(double azimuth, const json& facts) {
  const double radians = std::numbers::pi / 180, turn = azimuth * radians,
               elevation = facts.at("elevation_deg").get<double>() * radians;
  const at::Tensor back = at::tensor({std::cos(elevation) * std::cos(turn),
                                      std::cos(elevation) * std::sin(turn), std::sin(elevation)}),
                   up = at::tensor({0.0, 0.0, 1.0}), right = at::cross(up, back, 0);
  const at::Tensor rightward = right / right.norm(), upward = at::cross(back, rightward, 0);
  const int64_t height = facts.at("height"), width = facts.at("width");
  const double focal =
      0.5 * static_cast<double>(height) / std::tan(facts.at("fovy_deg").get<double>() * radians / 2);
  const auto steps = [&](int64_t count) {
    return (at::arange(count, at::kDouble) + 0.5 - 0.5 * static_cast<double>(count)) / focal;
  };
  const at::Tensor directions =
      steps(width).view({1, width, 1}) * rightward - steps(height).view({height, 1, 1}) * upward - back;
  return {back * facts.at("camera_distance").get<double>(),
          directions / directions.norm(2, at::IntArrayRef{-1}, true)};
}

/// Distances at which the rays `[N, 3]` enter and leave the box of that half side: `[N, 1]` each.
std::pair<at::Tensor, at::Tensor> through_box(const Rays& rays, double half_side) {
  const at::Tensor directions = rays.directions.view({-1, 3});
  const at::Tensor a = (-half_side - rays.origin) / directions, b = (half_side - rays.origin) / directions;
  return {at::minimum(a, b).amax(-1, true), at::maximum(a, b).amin(-1, true)};
}

/// Volume rendering as TripoSR's previews do it, `[N, 3]` on white.
at::Tensor rendered(const Field& field, const Rays& rays, int64_t samples) {
  const auto [near, far] = through_box(rays, kTripoSrRadius * 0.999);
  const at::Tensor steps = (at::arange(samples, at::kDouble) + 0.5) / static_cast<double>(samples);
  const at::Tensor distances = near + (far - near) * steps;  // [N, samples]
  const at::Tensor points =
      rays.origin + rays.directions.view({-1, 1, 3}) * distances.unsqueeze(-1);  // [N, samples, 3]
  const at::Tensor asked = in_model_box(points).to(at::kFloat).view({-1, 3});
  const at::Tensor alpha =
      1 - (-field.values(asked).view(distances.sizes()) / static_cast<double>(samples)).exp();
  const at::Tensor through = (1 - alpha).cumprod(1);
  const at::Tensor weights =
      alpha * at::cat({at::ones_like(through.slice(1, 0, 1)), through.slice(1, 0, -1)}, 1);
  const at::Tensor colours = field.colours(asked).view(points.sizes());
  return (weights.unsqueeze(-1) * colours).sum(1) + (1 - weights.sum(1, true));
}

void check_renders(Fixture& fixture, const std::vector<std::unique_ptr<Field>>& fields) {
  const int64_t samples = fixture.config().at("renderer").at("num_samples_per_ray");
  for (const auto& [name, facts] : fixture.config().at("render_cases").items()) {
    const int views = facts.at("n_views");
    std::vector<at::Tensor> origins, directions;
    std::vector<std::vector<at::Tensor>> pictures(fields.size());
    for (int view = 0; view < views; ++view) {
      const Rays rays = rays_from(360.0 * view / views, facts);
      origins.push_back(rays.origin);
      directions.push_back(rays.directions);
      for (size_t b = 0; b < fields.size(); ++b) {
        pictures[b].push_back(rendered(*fields[b], rays, samples).view(rays.directions.sizes()));
      }
      if (view > 0) continue;
      const auto [near, far] = through_box(rays, kTripoSrRadius * 0.999);
      fixture.compare(name + "/view0_near", near, kExact);
      fixture.compare(name + "/view0_far", far, kExact);
    }
    fixture.compare(name + "/rays_o", at::stack(origins), kExact);
    fixture.compare(name + "/rays_d", at::stack(directions), kExact);
    std::vector<at::Tensor> all;
    for (const auto& of_item : pictures) all.push_back(at::stack(of_item));
    fixture.compare(name + "/rgb", at::stack(all), kRaw);
  }
}

}  // namespace

void check_triposr_preprocess(Fixture& fixture) {
  for (const auto& [name, facts] : fixture.config().at("cases").items()) {
    if (name.starts_with("full_")) {
      check_full(fixture, name + "/");
    } else {
      check_crops(fixture, name + "/", facts);
    }
  }
  for (const std::string& name : fixture.tensors("no_remove_bg/")) {
    if (name.ends_with("/rgba")) check_whole(fixture, name.substr(0, name.rfind('/') + 1));
  }
}

void check_triposr_image_tokenizer(Fixture& fixture) {
  const json& dims = fixture.config().at("dims");
  ImageEncoder encoder({.width = dims.at("hidden"),
                        .heads = dims.at("heads"),
                        .layers = dims.at("layers"),
                        .mlp_width = fixture.config().at("intermediate"),
                        .patch = dims.at("patch"),
                        .image = dims.at("image"),
                        .knows_cameras = false});
  load_part(encoder, encoder, fixture.weights(), "", {},
            {"model.pooler.dense.weight", "model.pooler.dense.bias"});
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const auto as_it_is = [](const std::string&, const at::Tensor& value) { return value; };
    const at::Tensor tokens =
        encoder.forward(fixture.read(prefix + "image"), {}, comparing(fixture, prefix, as_it_is));
    fixture.compare(prefix + "tokens", tokens.transpose(1, 2).unsqueeze(1), kActivations);
  });
}

void check_triposr_transformer(Fixture& fixture) {
  const json& dims = fixture.config().at("dims");
  const TripoSrTransformerConfig config{.channels = dims.at("in_channels"),
                                        .groups = dims.at("norm_num_groups"),
                                        .heads = dims.at("num_attention_heads"),
                                        .head_width = dims.at("attention_head_dim"),
                                        .layers = dims.at("num_layers"),
                                        .condition_width = dims.at("cross_attention_dim"),
                                        .plane_side = dims.at("plane_size")};
  Group parent;
  const TripoSrTransformer transformer(parent, config, 0, TripoSrTransformer::layers(config) - 1);
  load_strict(parent, fixture.weights(), "", {});
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const auto shaped = [](const std::string& what, const at::Tensor& value) {
      const bool is_channels_first = what == "tokens" || what == "norm" || what == "out";
      return is_channels_first ? value.transpose(1, 2) : value;
    };
    at::Tensor tokens, residual, seen = fixture.read(prefix + "encoder_hidden_states");
    transformer.advance(tokens, residual, seen, {}, comparing(fixture, prefix, shaped));
    fixture.compare(prefix + "planes", planes_of_tokens(tokens), kActivations);
  });
}

void check_triposr_upsample_decoder(Fixture& fixture) {
  const json& config = fixture.config();
  TripoSrTransformerConfig transformer;
  transformer.channels = config.at("post_processor").at("in_channels");
  transformer.plane_channels = config.at("post_processor").at("out_channels");
  transformer.plane_side = config.at("plane_size");
  Group parent;
  const int64_t layers = TripoSrTransformer::layers(transformer);
  const TripoSrTransformer upsampling(parent, transformer, layers - 1, layers);
  const auto head = Group::add_below(
      parent, "decoder",
      std::make_shared<DensityHeads>(DensityHeadConfig{DensityModel::kTripoSr, transformer.plane_channels,
                                                       config.at("decoder").at("n_neurons"),
                                                       config.at("decoder").at("n_hidden_layers")}));
  load_strict(parent, fixture.weights(), "", {});

  at::Tensor planes = fixture.read("planes_low").permute({0, 1, 3, 4, 2}).flatten(1, 3), residual, nothing;
  upsampling.advance(planes, residual, nothing);
  fixture.compare("scene_codes", third_plane_turned(planes), kActivations);

  // What follows is computed from the stored scene codes.
  planes = third_plane_turned(fixture.read("scene_codes"));
  const at::Tensor points = in_model_box(fixture.read("points"));
  std::vector<std::unique_ptr<Field>> fields;
  std::vector<at::Tensor> features, raw, densities, colours;
  for (int64_t b = 0; b < planes.size(0); ++b) {
    fields.push_back(std::make_unique<TriplaneDensityField>(planes[b], head));
    features.push_back(sample_triplane(planes[b], points[b]));
    raw.push_back(head->density_and_colour->forward(features.back()));
    densities.push_back(fields.back()->values(points[b]).unsqueeze(-1));
    colours.push_back(fields.back()->colours(points[b]));
  }
  const at::Tensor last = at::stack(raw);
  fixture.compare("sampled_features", at::stack(features), kExact);
  fixture.compare("linear0", head->density_and_colour->first().forward(at::stack(features)), kActivations);
  fixture.compare(fmt::format("linear{}", 2 * config.at("decoder").at("n_hidden_layers").get<int64_t>()),
                  last, kRaw);
  fixture.compare("density", last.slice(-1, 0, 1), kRaw);
  fixture.compare("features", last.slice(-1, 1), kRaw);
  compare_densities(fixture, "density_act", at::stack(densities));
  fixture.compare("color", at::stack(colours), kExact);

  constexpr int64_t kSide = 7;
  const at::Tensor line = at::linspace(-1, 1, kSide),
                   corners = line_positions(line, at::arange(kSide * kSide * kSide));
  fixture.compare("grid7/points", corners * kTripoSrRadius, kExact);
  const auto on_grid = fields[0]->on_grid(line, std::numeric_limits<int64_t>::max());
  compare_densities(fixture, "grid7/density_act", on_grid->values(0, corners.size(0)).unsqueeze(-1));
  fixture.compare("grid7/color", fields[0]->colours(corners), kExact);
  check_renders(fixture, fields);
}

void check_triposr_isosurface(Fixture& fixture) {
  const auto threshold = fixture.config().at("threshold").get<float>();
  fixture.for_each_case([&](const std::string& name) {
    const at::Tensor densities = fixture.read(name + "/density");
    const auto side = static_cast<int>(densities.size(0));
    compare_marching(fixture, name + "/", marching_cubes(side, densities, threshold), side, 1e-5,
                     kTripoSrRadius);
  });
}

void check_triposr_end_to_end(Fixture& fixture) {
  json published = fixture.config().at("system");
  published["vit"] = fixture.config().at("vit");
  const TripoSrConfig config = triposr_config(published);
  constexpr double kRatio = 0.85;
  const std::vector<std::string> unused(std::begin(kTripoSrUnused), std::end(kTripoSrUnused));
  const auto model = std::make_shared<TripoSr>(config);
  load_part(*model, *model, read_weights(fixture.folder() / "model.ckpt"), "", {}, unused);
  // What comes before the upsampling, and with the weights of the other container.
  Group parent;
  const TripoSrTransformer backbone(parent, config.transformer, 0,
                                    TripoSrTransformer::layers(config.transformer) - 1);
  load_part(parent, *model, fixture.weights(), "", {}, unused);
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    ByteImage rgb;
    if (fixture.has(prefix + "rgba")) {
      rgb = over_grey(published_crop(bytes_from_tensor(fixture.read(prefix + "rgba")), kRatio));
      fixture.compare(prefix + "rgb", tensor_from_bytes(rgb), kBytes);
    } else {
      rgb = bytes_from_tensor(fixture.read(prefix + "rgb"));
    }
    const at::Tensor picture = triposr_picture(rgb, config.picture_side);
    fixture.compare(prefix + "cond", picture.permute({0, 2, 3, 1}), kExact);
    at::Tensor seen = model->encode(picture);
    fixture.compare(prefix + "image_tokens", seen, kActivations);
    at::Tensor tokens, residual;
    backbone.advance(tokens, residual, seen);
    fixture.compare(prefix + "backbone_out", tokens.transpose(1, 2), kActivations);
    const at::Tensor planes = reconstruct_planes({picture, {}}, {.parts = {model}}, {});
    fixture.compare(prefix + "scene_codes", third_plane_turned(planes).unsqueeze(0), kActivations);
    const std::unique_ptr<Field> field = model->field(planes);

    const at::Tensor theirs = fixture.read(prefix + "density_act");
    const auto side = static_cast<int>(theirs.size(0));
    const at::Tensor line = at::linspace(-1, 1, side);
    const at::Tensor densities = field->on_grid(line, std::numeric_limits<int64_t>::max())
                                     ->values(0, theirs.numel())
                                     .view(theirs.sizes());
    compare_densities(fixture, prefix + "density_act", densities);
    const float threshold = field->density_threshold();
    fixture.record(prefix + "density_act",
                   ((densities > threshold) != (theirs > threshold)).sum().item<double>(), 0);
    const Surface surface = extract_surface(*field, {.grid = side, .close_at_box = false}, {});
    compare_marching(fixture, prefix, surface, side, 3e-4, kTripoSrRadius);
    const at::Tensor colours = field->colours(in_model_box(fixture.read(prefix + "verts")));
    fixture.compare(prefix + "color", colours, kRaw);
    fixture.compare(prefix + "colors_u8", (colours * 255).round().to(at::kByte), {.absolute = 1});
  });
}

}  // namespace relievo

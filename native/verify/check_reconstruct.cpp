// dino_encoder, triplane_transformer, synthesizer_mesh, synthesizer_nerf, lrm_mesh: the reconstruction
// network and its parts.
#include <ATen/ATen.h>

#include "kernels/triplane.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "reconstruct/lrm.h"
#include "surface/grid.h"
#include "surface/surface.h"
#include "verify/checks.h"
#include "verify/compare_marching.h"

namespace relievo {
namespace {

constexpr Tolerance kActivations{.absolute = 1e-4};
constexpr Tolerance kExact{.absolute = 1e-5};
constexpr Tolerance kDistances{.absolute = 1e-4};

using nlohmann::json;

/// An observer that compares whatever the fixture has under the names it is called with.
Observer comparing(Fixture& fixture, const std::string& prefix) {
  if (fixture.is_half()) return {};  // what comes out in the end is what counts
  return [&fixture, prefix](const std::string& name, const at::Tensor& value) {
    if (!fixture.has(prefix + name)) return;
    const bool is_exact = name == "pixel_values" || name == "pos_embed";
    fixture.compare(prefix + name, value, is_exact ? kExact : kActivations);
  };
}

/// Calls `check(item, planes)` with the planes [3, C, R, R] of each batch item and stacks what it returns.
template <typename Check>
at::Tensor each_item(const at::Tensor& planes, const Check& check) {
  std::vector<at::Tensor> results;
  for (int64_t b = 0; b < planes.size(0); ++b) results.push_back(check(b, planes[b]));
  return at::stack(results);
}

/// Compares where the planes see the points, and what they read there.
void check_sampling(Fixture& fixture, const at::Tensor& planes, const at::Tensor& points) {
  const at::Tensor features =
      each_item(planes, [&](int64_t b, const at::Tensor& p) { return sample_triplane(p, points[b]); });
  fixture.compare("features_concat", features, kExact);
  fixture.compare("sampled_features", features.unflatten(-1, {3, -1}).transpose(1, 2), kExact);

  // The axes, read off our projection: along which axis of the box a plane's u and v run; the third is what
  // it looks along.
  at::Tensor axes = at::zeros({3, 3, 3}), projected = at::empty({points.size(0), 3, points.size(1), 2});
  for (int32_t plane = 0; plane < 3; ++plane) {
    for (int axis = 0; axis < 3; ++axis) {
      float point[3] = {}, u = 0, v = 0;
      point[axis] = 1;
      kernels::project_to_plane(point, plane, u, v);
      axes[plane][0][axis] = u;
      axes[plane][1][axis] = v;
      axes[plane][2][axis] = 1 - u - v;
    }
    for (int64_t b = 0; b < points.size(0); ++b) {
      for (int64_t i = 0; i < points.size(1); ++i) {
        const at::Tensor point = points[b][i].to(at::kCPU).contiguous();
        float u = 0, v = 0;
        kernels::project_to_plane(point.data_ptr<float>(), plane, u, v);
        projected[b][plane][i][0] = u;
        projected[b][plane][i][1] = v;
      }
    }
  }
  fixture.compare("plane_axes", axes, {});
  fixture.compare("projected", projected, kExact);
}

/// Corners `[F, 8, 3]` of cubes `[F, 8]`.
at::Tensor corners_of(const at::Tensor& vertices, const at::Tensor& cubes) {
  return vertices.index_select(0, cubes.flatten()).view({-1, 8, 3});
}

}  // namespace

void check_dino_encoder(Fixture& fixture) {
  ImageEncoder encoder(encoder_config(fixture.config().at("dims")));
  load_strict(encoder, fixture.weights(), "", fixture.execution());
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const at::Tensor out = encoder.forward(fixture.input(prefix + "image"), fixture.input(prefix + "camera"),
                                           comparing(fixture, prefix));
    fixture.compare(prefix + "out", out, kActivations);
  });
}

void check_triplane_transformer(Fixture& fixture) {
  const json& dims = fixture.config().at("dims");
  TriplaneTransformer transformer({.width = dims.at("inner_dim"),
                                   .heads = dims.at("num_heads"),
                                   .layers = dims.at("num_layers"),
                                   .condition_width = dims.at("image_feat_dim"),
                                   .low_resolution = dims.at("triplane_low_res"),
                                   .high_resolution = dims.at("triplane_high_res"),
                                   .channels = dims.at("triplane_dim")});
  load_strict(transformer, fixture.weights(), "", fixture.execution());
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const at::Tensor planes = transformer.forward(fixture.input(prefix + "cond"), comparing(fixture, prefix));
    fixture.compare(prefix + "planes", planes, kActivations);
  });
}

void check_synthesizer_mesh(Fixture& fixture) {
  const json& config = fixture.config();
  const int grid = config.at("grid_res");
  const auto heads = std::make_shared<MeshHeads>(config.at("triplane_dim").get<int64_t>());
  load_strict(*heads, fixture.weights(), "decoder.", fixture.execution());
  const at::Tensor planes = fixture.input("planes"), points = fixture.input("points");
  check_sampling(fixture, planes, points);

  const at::Tensor vertices = grid_vertices(grid), cubes = grid_cubes(grid);
  fixture.compare("mesh/grid_verts", vertices, kExact);
  fixture.compare("mesh/grid_cubes", cubes, {});
  fixture.compare("mesh/center_indices", grid_centre(grid).view({-1, 1}), {});
  fixture.compare("mesh/boundary_indices", grid_border(grid).view({-1, 1}), {});
  const at::Tensor places = vertices.to(planes.device());
  const auto each_field = [&](const auto& evaluate) {
    return each_item(
        planes, [&](int64_t b, const at::Tensor& p) { return evaluate(TriplaneMeshField(p, heads), b); });
  };
  fixture.compare("mesh/sdf", each_field([&](const TriplaneMeshField& field, int64_t) {
                    return field.values(places).unsqueeze(-1);
                  }),
                  kDistances);
  fixture.compare("mesh/deformation_raw", each_field([&](const TriplaneMeshField& field, int64_t) {
                    return field.raw_deformation(places);
                  }),
                  kDistances);
  fixture.compare("mesh/weight", each_field([&](const TriplaneMeshField& field, int64_t) {
                    return field.cube_weights(corners_of(vertices, cubes).to(planes.device()));
                  }),
                  kExact);
  fixture.compare("mesh/rgb", each_field([&](const TriplaneMeshField& field, int64_t b) {
                    return field.colours(points[b]);
                  }),
                  kExact);
}

void check_synthesizer_nerf(Fixture& fixture) {
  const auto heads = std::make_shared<DensityHeads>(fixture.config().at("triplane_dim").get<int64_t>());
  load_strict(*heads, fixture.weights(), "decoder.", fixture.execution());
  const at::Tensor planes = fixture.input("planes"), points = fixture.input("points");
  const auto each_field = [&](const auto& evaluate) {
    return each_item(
        planes, [&](int64_t b, const at::Tensor& p) { return evaluate(TriplaneDensityField(p, heads), b); });
  };
  fixture.compare("sigma_raw", each_field([&](const TriplaneDensityField& field, int64_t b) {
                    return field.raw(points[b]).slice(-1, 0, 1);
                  }),
                  kDistances);
  fixture.compare("sigma", each_field([&](const TriplaneDensityField& field, int64_t b) {
                    return field.values(points[b]).unsqueeze(-1);
                  }),
                  kDistances);
  fixture.compare("rgb", each_field([&](const TriplaneDensityField& field, int64_t b) {
                    return field.colours(points[b]);
                  }),
                  kExact);

  // grid<n>: n points a side over the box; grid<n>_aabb: over each item's own box (aabb [B, 2, 3], minimum
  // and maximum).
  for (const std::string& name : fixture.cases()) {
    if (!name.starts_with("grid")) continue;
    const int64_t side = std::stoll(name.substr(4));
    const bool has_box = name.ends_with("_aabb");
    const at::Tensor line = at::linspace(-1, 1, side).to(planes.device());
    const at::Tensor unit = at::stack(at::meshgrid({line, line, line}, "ij"), -1);
    const auto grid_points = [&](int64_t b) {
      if (!has_box) return unit.view({-1, 3});
      const at::Tensor box = fixture.input("aabb")[b];
      return ((unit + 1) * 0.5 * (box[1] - box[0]) + box[0]).view({-1, 3});
    };
    fixture.compare(name + "/sigma", each_field([&](const TriplaneDensityField& field, int64_t b) {
                      return field.values(grid_points(b)).view({side, side, side, 1});
                    }),
                    kDistances);
    fixture.compare(name + "/rgb", each_field([&](const TriplaneDensityField& field, int64_t b) {
                      return field.colours(grid_points(b)).view({side, side, side, 3});
                    }),
                    kExact);
  }
}

void check_lrm_mesh(Fixture& fixture) {
  const int grid = fixture.config().at("params").at("grid_res");
  Lrm lrm(lrm_config(fixture.config(), LrmKind::kMesh));
  const Execution execution;
  load_strict(lrm, fixture.weights(), "lrm_generator.", execution);
  const at::Tensor vertices = grid_vertices(grid), corners = corners_of(vertices, grid_cubes(grid));
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const Views views{fixture.read(prefix + "images")[0], fixture.read(prefix + "cameras")[0]};
    const at::Tensor tokens = lrm.encode(views, execution);
    const int64_t view_count = views.pixels.size(0);
    fixture.compare(prefix + "encoder_out", tokens.view({view_count, -1, tokens.size(-1)}), kActivations);
    const at::Tensor planes = lrm.planes(tokens, execution);
    fixture.compare(prefix + "planes", planes.unsqueeze(0), kActivations);
    const std::unique_ptr<Field> field = lrm.field(planes);
    fixture.compare(prefix + "sdf", field->values(vertices).view({1, -1, 1}), kDistances);
    fixture.compare(prefix + "deformation", field->deformation(vertices, grid).unsqueeze(0), kExact);
    fixture.compare(prefix + "weight", field->cube_weights(corners).unsqueeze(0), kExact);

    const Surface surface = extract_surface(*field, {.grid = grid, .close_at_box = false}, execution);
    const auto vertex_count = static_cast<int64_t>(surface.vertices.size());
    const auto face_count = static_cast<int64_t>(surface.faces.size());
    const at::Tensor ours = at::from_blob(const_cast<Float3*>(surface.vertices.data()), {vertex_count, 3});
    fixture.compare(prefix + "verts", ours, {.absolute = 1e-4});
    fixture.compare(prefix + "faces",
                    at::from_blob(const_cast<Int3*>(surface.faces.data()), {face_count, 3}, at::kInt), {});
    // Some vertices are moved by 1e-5 by rounding alone (exact arithmetic moves the fixture's as far), and
    // colours change by up to 10 a unit there. So they are compared closely at the fixture's own vertices,
    // and at ours as bytes.
    fixture.compare(prefix + "rgb", field->colours(fixture.read(prefix + "verts")).unsqueeze(0), kExact);
    const at::Tensor colours = (field->colours(ours).clamp(0, 1) * 255).to(at::kByte);
    fixture.compare(prefix + "colors_u8", colours, {.absolute = 1});
  });
}

void check_lrm_nerf(Fixture& fixture) {
  const int side = fixture.config().at("mesh_resolution");
  const auto threshold = fixture.config().at("mesh_threshold").get<float>();
  Lrm lrm(lrm_config(fixture.config(), LrmKind::kNerf));
  const Execution execution;
  load_strict(lrm, fixture.weights(), "lrm_generator.", execution);
  const at::Tensor line = at::linspace(-1, 1, side);
  const at::Tensor vertices = line_positions(line, at::arange(int64_t{side} * side * side));
  fixture.for_each_case([&](const std::string& name) {
    const std::string prefix = name + "/";
    const Views views{fixture.read(prefix + "images")[0], fixture.read(prefix + "cameras")[0]};
    const at::Tensor tokens = lrm.encode(views, execution);
    if (fixture.has(prefix + "encoder_out")) {
      fixture.compare(prefix + "encoder_out", tokens.view({views.pixels.size(0), -1, tokens.size(-1)}),
                      kActivations);
    }
    const at::Tensor planes = lrm.planes(tokens, execution);
    fixture.compare(prefix + "planes", planes.unsqueeze(0), kActivations);
    const std::unique_ptr<Field> field = lrm.field(planes);
    const Tolerance densities{.absolute = 1e-4, .relative = 1e-5};
    fixture.compare(prefix + "grid_sigma", field->values(vertices).view({1, side, side, side, 1}), densities);
    fixture.compare(prefix + "grid_rgb", field->colours(vertices).view({1, side, side, side, 3}),
                    kActivations);
    const Surface surface = extract_surface(
        *field, {.grid = side, .density_threshold = threshold, .close_at_box = false}, execution);
    const std::vector<int64_t> ours = compare_marching(fixture, prefix, surface, side, 1e-4);
    if (ours.empty()) return;
    const at::Tensor positions =
        at::from_blob(const_cast<Float3*>(surface.vertices.data()), {std::ssize(surface.vertices), 3});
    const at::Tensor rgb = field->colours(positions.index_select(0, at::tensor(at::ArrayRef<int64_t>(ours))));
    // The published colours wrap round at 256.
    const at::Tensor theirs = fixture.read(prefix + "colors_u8").to(at::kInt);
    const at::Tensor difference = ((rgb * 255).to(at::kInt) - theirs).remainder(256);
    fixture.record(prefix + "colors_u8",
                   rgb.sizes() == theirs.sizes()
                       ? at::minimum(difference, 256 - difference).max().item<double>()
                       : std::numeric_limits<double>::infinity(),
                   1);
  });
}

}  // namespace relievo

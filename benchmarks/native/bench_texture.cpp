#include "benchmarks/native/bench_texture.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "base/vertex_normals.h"
#include "benchmarks/native/bench_field.h"
#include "benchmarks/native/bench_folder.h"
#include "texture/atlas.h"
#include "texture/texels.h"
#include "texture/texture.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// A closed, connected, bumpy shape of 12 n^2 faces: a cube's surface, each side n x n squares, pushed out.
Surface bumpy_shape(int n) {
  Surface surface;
  std::map<std::array<int, 3>, int32_t> number;
  const auto vertex = [&](int x, int y, int z) {
    const auto [found, is_new] =
        number.emplace(std::array{x, y, z}, static_cast<int32_t>(surface.vertices.size()));
    if (is_new) {
      std::array<double, 3> d{};
      const std::array<int, 3> at{x, y, z};
      // Equal angles rather than equal steps, so that squares on the ball are of about one size.
      for (int axis = 0; axis < 3; ++axis)
        d[axis] = std::tan((2.0 * at[axis] / n - 1) * std::numbers::pi / 4);
      const double size = std::hypot(d[0], d[1], d[2]);
      for (double& c : d) c /= size;
      const double radius = 0.55 + 0.12 * std::sin(5 * d[0] + 1) * std::sin(6 * d[1]) +
                            0.07 * std::sin(9 * d[2] + 3 * d[0]) + 0.03 * std::sin(17 * d[1] - 8 * d[2]);
      surface.vertices.push_back({static_cast<float>(radius * d[0]), static_cast<float>(radius * d[1]),
                                  static_cast<float>(radius * d[2])});
    }
    return found->second;
  };
  for (int axis = 0; axis < 3; ++axis) {
    for (const int side : {0, n}) {
      for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
          std::array<int32_t, 4> corner{};
          for (int c = 0; c < 4; ++c) {
            std::array<int, 3> at{};
            at[axis] = side;
            at[(axis + 1) % 3] = i + (c == 1 || c == 2);
            at[(axis + 2) % 3] = j + (c >= 2);
            corner[c] = vertex(at[0], at[1], at[2]);
          }
          if (side == 0) std::swap(corner[1], corner[3]);
          surface.faces.push_back({corner[0], corner[1], corner[2]});
          surface.faces.push_back({corner[0], corner[2], corner[3]});
        }
      }
    }
  }
  return surface;
}

int squares(bool quick) { return quick ? 20 : 129; }  // 4,800 or 199,692 faces

template <typename Value>
void write_values(const fs::path& path, const std::vector<Value>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(Value)));
}

void use_threads(const json& arguments) {
  const int threads = arguments.at("threads");
  if (threads <= 0) return;
  set_parallel_threads(threads);
  at::set_num_threads(threads);
}

json head_of(const std::string& name, const BenchOptions& options) {
  return {{"name", name},          {"full_size", !options.quick},
          {"dtype", "float32"},    {"batch", 1},
          {"tokens", nullptr},     {"steps", nullptr},
          {"parameters", nullptr}, {"threads", options.threads > 0 ? options.threads : parallel_threads()}};
}

void compare(json& report, const json& ours, const json& other) {
  report.update({{"ours_s", ours.at("seconds")},
                 {"other_s", other.at("seconds")},
                 {"ratio", other.at("seconds").get<double>() / ours.at("seconds").get<double>()},
                 {"ours_peak_bytes", ours.at("peak_bytes")},
                 {"other_peak_bytes", other.at("peak_bytes")},
                 {"vm_hwm_bytes", ours.at("peak_bytes")}});
}

}  // namespace

bool is_sound(const std::vector<std::array<Float2, 3>>& corner_uv) {
  constexpr int kSize = 2048;
  std::vector<bool> is_taken(size_t{kSize} * kSize);
  for (const auto& c : corner_uv) {
    std::array<std::array<double, 2>, 3> at{};
    for (int i = 0; i < 3; ++i) {
      for (int axis = 0; axis < 2; ++axis) {
        at[i][axis] = double{c[i][axis]} * kSize;
        if (!(at[i][axis] >= 0 && at[i][axis] <= kSize)) return false;
      }
    }
    const auto side = [&](int i, double x, double y) {
      const auto &a = at[i], &b = at[(i + 1) % 3];
      return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
    };
    if (side(0, at[2][0], at[2][1]) < 0) return false;
    const auto range = [&](int axis) {
      const auto [low, high] = std::minmax({at[0][axis], at[1][axis], at[2][axis]});
      return std::pair(static_cast<int>(low), std::min(static_cast<int>(high) + 1, kSize));
    };
    const auto [left, right] = range(0);
    const auto [low, high] = range(1);
    for (int y = low; y < high; ++y) {
      for (int x = left; x < right; ++x) {
        // Well inside, so that the edge of two faces is in neither.
        bool is_inside = true;
        for (int i = 0; i < 3; ++i) is_inside = is_inside && side(i, x + 0.5, y + 0.5) > 1e-3;
        if (!is_inside) continue;
        const size_t texel = static_cast<size_t>(y) * kSize + x;
        if (is_taken[texel]) return false;
        is_taken[texel] = true;
      }
    }
  }
  return true;
}

json bench_atlas_own_side(const json& arguments) {
  use_threads(arguments);
  const Surface surface = bumpy_shape(arguments.at("squares"));
  reset_peak_resident_bytes();
  const auto start = Clock::now();
  const Atlas atlas = unwrap(surface, {}, {});
  const double seconds = seconds_since(start);
  const int64_t peak = peak_resident_bytes();
  return {{"seconds", seconds},
          {"peak_bytes", peak},
          {"sound", is_sound(atlas.corner_uv)},
          {"charts", atlas.report.charts},
          {"coverage", atlas.report.coverage},
          {"mean_stretch", atlas.report.mean_stretch},
          {"gap", atlas.report.gap}};
}

json bench_atlas(const BenchOptions& options) {
  const BenchFolder folder;
  const Surface surface = bumpy_shape(squares(options.quick));
  write_values(folder.path / "vertices", surface.vertices);
  write_values(folder.path / "faces", surface.faces);
  const json arguments{
      {"squares", squares(options.quick)}, {"threads", options.threads}, {"folder", folder.path.string()}};
  const json ours = run_own_side("atlas", arguments);
  const json other = run_baseline("atlas.py", arguments);
  json report = head_of("atlas", options);
  compare(report, ours, other);
  report["faces"] = surface.faces.size();
  // Two ways to unwrap are two atlases; what can be right or wrong is that each face has a place of its own.
  report["exact"] = ours.at("sound");
  for (const char* key : {"charts", "coverage", "mean_stretch"}) {
    report[key] = ours.at(key);
    report[fmt::format("other_{}", key)] = other.at(key);
  }
  report["gap"] = ours.at("gap");
  return report;
}

json bench_bake_own_side(const json& arguments) {
  use_threads(arguments);
  const at::NoGradGuard no_grad;
  const fs::path folder = arguments.at("folder").get<std::string>();
  const Surface surface = bumpy_shape(arguments.at("squares"));
  Atlas atlas;
  atlas.corner_uv.resize(surface.faces.size());
  std::ifstream(folder / "uv", std::ios::binary)
      .read(reinterpret_cast<char*>(atlas.corner_uv.data()),
            static_cast<std::streamsize>(atlas.corner_uv.size() * sizeof(atlas.corner_uv[0])));
  const BenchField field = read_bench_field(folder / "field.safetensors", BenchShape::kEllipsoid);
  const TextureSettings settings{.size = arguments.at("size"), .projection = false, .vertex_colours = false};

  reset_peak_resident_bytes();
  const auto start = Clock::now();
  const TexturedMesh mesh = bake_surface(surface, std::move(atlas), field, {}, settings, {});
  const double seconds = seconds_since(start);
  const int64_t peak = peak_resident_bytes();
  write_values(folder / "ours", mesh.albedo.pixels);
  return {{"seconds", seconds}, {"peak_bytes", peak}};
}

json bench_bake(const BenchOptions& options) {
  const BenchFolder folder;
  const int size = options.quick ? 256 : 2048;
  const Surface surface = bumpy_shape(squares(options.quick));
  write_values(folder.path / "vertices", surface.vertices);
  write_values(folder.path / "faces", surface.faces);
  write_values(folder.path / "uv", unwrap(surface, {}, {}).corner_uv);
  write_bench_field(folder.path / "field.safetensors", options.quick ? 8 : 80);
  const json arguments{{"squares", squares(options.quick)},
                       {"threads", options.threads},
                       {"size", size},
                       {"folder", folder.path.string()}};
  const json ours = run_own_side("bake", arguments);
  const json other = run_baseline("bake.py", arguments);
  json report = head_of("bake", options);
  compare(report, ours, other);
  report["size"] = size;
  report["parameters"] = bench_field_parameters(options.quick ? 8 : 80);
  report["faces"] = surface.faces.size();
  // The texels whose centre lies in a face: bytes of both sides within one of each other.
  const auto read = [&](const char* name) {
    std::vector<uint8_t> bytes(fs::file_size(folder.path / name));
    std::ifstream(folder.path / name, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  };
  const std::vector<uint8_t> a = read("ours"), b = read("other"), inside = read("inside");
  int64_t compared = 0, differing = 0;
  for (size_t i = 0; i < inside.size() && a.size() == b.size(); ++i) {
    if (!inside[i]) continue;
    ++compared;
    for (size_t c = 3 * i; c < 3 * i + 3; ++c) {
      if (std::abs(int{a[c]} - int{b[c]}) > 1) {
        ++differing;
        break;
      }
    }
  }
  report["texels"] = compared;
  report["differing_share"] =
      compared > 0 ? static_cast<double>(differing) / static_cast<double>(compared) : 1.0;
  report["exact"] = compared > 0 && differing * 1000 < compared;
  return report;
}

}  // namespace relievo

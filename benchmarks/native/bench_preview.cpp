#include "benchmarks/native/bench_preview.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/error.h"
#include "base/vectors.h"
#include "benchmarks/native/bench_folder.h"
#include "benchmarks/native/bench_texture.h"
#include "benchmarks/native/program_run.h"
#include "texture/chart.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kPictures[] = {"chicken.jpg", "teddy.jpg", "armchair.jpg", "desk_lamp.jpg",
                                     "coffee.jpg"};

/// An object as its OBJ file tells it.
struct Object {
  Surface surface;
  std::vector<std::array<Float2, 3>> corner_uv;
};

Object read_obj(const fs::path& path) {
  Object object;
  std::vector<Float2> places;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "v") {
      Float3& vertex = object.surface.vertices.emplace_back();
      words >> vertex[0] >> vertex[1] >> vertex[2];
    } else if (word == "vt") {
      Float2& place = places.emplace_back();
      words >> place[0] >> place[1];
    } else if (word == "f") {
      Int3& face = object.surface.faces.emplace_back();
      std::array<Float2, 3>& corners = object.corner_uv.emplace_back();
      for (int c = 0; c < 3; ++c) {
        size_t place = 0;
        char slash = 0;
        words >> face[c] >> slash >> place;
        words.ignore(line.size(), ' ');
        --face[c];
        corners[c] = places.at(place - 1);
      }
    }
  }
  return object;
}

/// The texels that each face has for its area: the value above all but 5 % of the area, over the value below
/// all but 5 %. 1 where the density is the same everywhere.
double density_spread(const Object& object) {
  std::vector<std::pair<double, double>> densities;  // and the area that has it
  double whole = 0;
  for (size_t f = 0; f < object.corner_uv.size(); ++f) {
    const double area = length(area_normal(object.surface, object.surface.faces[f])) / 2;
    if (!(area > 0)) continue;
    densities.emplace_back(std::abs(uv_area(object.corner_uv[f])) / area, area);
    whole += area;
  }
  std::ranges::sort(densities);
  const auto quantile = [&](double share) {
    double sum = 0;
    for (const auto& [density, area] : densities) {
      if ((sum += area) >= share * whole) return density;
    }
    return 0.0;
  };
  return quantile(0.95) / quantile(0.05);
}

/// Describes the object's shape, so that two can be compared to the bit.
std::string shape_of(const Object& object) {
  std::string text;
  for (const Float3& v : object.surface.vertices) text += fmt::format("{:a} {:a} {:a}\n", v[0], v[1], v[2]);
  for (const Int3& f : object.surface.faces) text += fmt::format("{} {} {}\n", f[0], f[1], f[2]);
  return fmt::format("{:016x}", std::hash<std::string>()(text));
}

/// Adds what the sides of a picture took and left, and their ratios.
json compared(const std::string& picture, const json& ours, const json& other) {
  json report{{"picture", picture}, {"ours", ours}};
  if (other.is_null()) return report;
  report["other"] = other;
  report["ratio"] = other.at("cpu_seconds").get<double>() / ours.at("cpu_seconds").get<double>();
  report["same_geometry"] = ours.at("geometry") == other.at("geometry");
  return report;
}

}  // namespace

json bench_preview_own_side(const json& arguments) {
  const BenchFolder folder;
  const fs::path picture = arguments.at("picture").get<std::string>();
  std::vector<std::string> words{"generate",           picture.string(), "-o",
                                 folder.path.string(), "--format",       "glb,obj"};
  for (const json& word : arguments.at("settings")) words.push_back(word);
  if (const int threads = arguments.at("threads"); threads > 0) {
    ::setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), 1);
  }
  const ProgramRun run = run_on_terminal(arguments.at("program"), words);
  if (run.status != 0) {
    throw Error(ErrorCode::kInternal,
                fmt::format("'{}' ended with status {} for '{}'.", arguments.at("program").get<std::string>(),
                            run.status, picture.string()),
                "What it printed stands above.");
  }
  const Object object = read_obj(folder.path / (picture.stem().string() + ".obj"));
  Stretch stretch;
  double coverage = 0;
  for (size_t f = 0; f < object.corner_uv.size(); ++f) {
    stretch.add(object.surface, object.surface.faces[f], object.corner_uv[f]);
    coverage += std::abs(uv_area(object.corner_uv[f]));
  }
  return {{"cpu_seconds", run.cpu_seconds},
          {"seconds", run.seconds},
          {"stage_cpu_seconds", run.stage_cpu_seconds},
          {"faces", object.surface.faces.size()},
          {"coverage", coverage},
          {"mean_stretch", stretch.mean()},
          {"density_spread", density_spread(object)},
          {"sound", is_sound(object.corner_uv)},
          {"geometry", shape_of(object)}};
}

json bench_preview(const BenchOptions& options) {
  const int rounds = options.quick ? 1 : 3;
  std::vector<std::string> pictures = options.pictures;
  if (pictures.empty()) {
    for (const char* name : kPictures) {
      pictures.push_back((fs::path(RELIEVO_SOURCE_DIR) / "tests/data/pictures" / name).string());
    }
    if (options.quick) pictures.resize(1);
  }
  const fs::path own = fs::read_symlink("/proc/self/exe").parent_path() / "relievo";
  json settings = json::array();
  if (options.quick) settings = {"--grid", "32", "--texture-size", "64"};
  const auto measured = [&](const std::string& program, const std::string& picture) {
    return run_own_side(
        "preview",
        {{"program", program}, {"picture", picture}, {"settings", settings}, {"threads", options.threads}});
  };
  const auto keep_quicker = [](json& kept, const json& now) {
    if (kept.is_null() || now.at("cpu_seconds") < kept.at("cpu_seconds")) kept = now;
  };
  json details = json::array();
  double ours_cpu = 0, other_cpu = 0, ours_wall = 0, other_wall = 0;
  bool is_exact = true;
  for (const std::string& picture : pictures) {
    json ours, other;
    for (int round = 0; round < rounds; ++round) {
      keep_quicker(ours, measured(own.string(), picture));
      if (!options.baseline.empty()) keep_quicker(other, measured(options.baseline, picture));
    }
    ours_cpu += ours.at("cpu_seconds").get<double>();
    ours_wall += ours.at("seconds").get<double>();
    is_exact = is_exact && ours.at("sound").get<bool>();
    if (!other.is_null()) {
      other_cpu += other.at("cpu_seconds").get<double>();
      other_wall += other.at("seconds").get<double>();
    }
    details.push_back(compared(picture, ours, other));
  }
  const auto count = static_cast<double>(pictures.size());
  json report{{"name", "preview"},          {"ours_s", ours_wall / count}, {"ours_cpu_s", ours_cpu / count},
              {"other_s", nullptr},         {"other_cpu_s", nullptr},      {"ratio", nullptr},
              {"exact", is_exact},          {"full_size", !options.quick}, {"rounds", rounds},
              {"threads", options.threads}, {"pictures", details}};
  if (!options.baseline.empty()) {
    report["other_s"] = other_wall / count;
    report["other_cpu_s"] = other_cpu / count;
    report["ratio"] = other_cpu / ours_cpu;
  }
  return report;
}

}  // namespace relievo

#include "check/check.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "base/refusals.h"
#include "check/parts.h"

namespace relievo {
namespace {

using nlohmann::json;

/// Why the mesh does not meet a word; empty where it does.
using Judgement = std::string (*)(const MeshReport& report);

struct JudgedRequirement {
  Requirement requirement;
  Judgement why_not;
};

std::string unless(bool is_met, const std::string& why) { return is_met ? std::string() : why; }

std::string counted(int count, const char* one, const char* many) {
  return count == 1 ? fmt::format("1 {}", one) : fmt::format("{} {}", count, many);
}

// More than this share of what is counted in texels is a fault that can be seen: rounding at the borders of
// charts stays below.
constexpr double kWorthSaying = 0.001;

const std::array kRequirements{
    JudgedRequirement{{"watertight", "every edge has two faces"},
                      [](const MeshReport& r) {
                        return unless(r.surface.watertight, "an edge has not exactly two faces");
                      }},
    JudgedRequirement{{"manifold", "no edge and no vertex joins what does not belong together"},
                      [](const MeshReport& r) {
                        return unless(r.surface.manifold,
                                      "faces meet at an edge or a vertex as no surface does");
                      }},
    JudgedRequirement{
        {"consistent", "faces that share an edge turn the same way"},
        [](const MeshReport& r) { return unless(r.consistent, "neighbouring faces turn opposite ways"); }},
    JudgedRequirement{{"outward", "the faces look outward"},
                      [](const MeshReport& r) {
                        return unless(r.surface.volume > 0,
                                      fmt::format("its volume is {:.4g}", r.surface.volume));
                      }},
    JudgedRequirement{{"one-piece", "all faces hang together"},
                      [](const MeshReport& r) {
                        return unless(r.surface.components == 1,
                                      fmt::format("it has {} pieces", r.surface.components));
                      }},
    JudgedRequirement{{"no-debris", "no piece has less than 1 % of the area"},
                      [](const MeshReport& r) {
                        return unless(r.debris == 0, counted(r.debris, "piece has", "pieces have") +
                                                         " less than 1 % of the area");
                      }},
    JudgedRequirement{{"no-inner-shells", "no piece lies inside another"},
                      [](const MeshReport& r) {
                        return unless(
                            r.inner_shells == 0,
                            counted(r.inner_shells, "piece lies", "pieces lie") + " inside another");
                      }},
    JudgedRequirement{{"textured", "every face has UVs and a texture"},
                      [](const MeshReport& r) {
                        return unless(r.has_texture, r.has_uv ? "a face has no texture" : "it has no UVs");
                      }},
    JudgedRequirement{{"no-uv-overlap", "no two faces share texels (0.1 % may)"},
                      [](const MeshReport& r) {
                        return unless(r.has_uv && r.uv_overlap <= kWorthSaying,
                                      r.has_uv ? fmt::format("{:.1f} % of its texels lie in several faces",
                                                             100 * r.uv_overlap)
                                               : "it has no UVs");
                      }},
    JudgedRequirement{{"no-slivers", "no chart has fewer than 8 texels"},
                      [](const MeshReport& r) {
                        return unless(r.has_uv && r.slivers == 0,
                                      r.has_uv
                                          ? fmt::format("{:.1f} % of its charts have fewer than 8 texels",
                                                        100 * r.slivers)
                                          : "it has no UVs");
                      }},
    JudgedRequirement{{"no-black-texels", "no texel of a face is black (0.1 % may)"},
                      [](const MeshReport& r) {
                        return unless(r.has_texture && r.black_texels <= kWorthSaying,
                                      r.has_texture ? fmt::format("{:.1f} % of its texels are black",
                                                                  100 * r.black_texels)
                                                    : "a face has no texture");
                      }},
};

const JudgedRequirement& judged(std::string_view word) {
  const auto found = std::ranges::find_if(
      kRequirements, [&](const JudgedRequirement& each) { return each.requirement.word == word; });
  if (found != kRequirements.end()) return *found;
  std::vector<std::string> words;
  for (const Requirement& each : requirements()) words.emplace_back(each.word);
  throw unknown_value("requirement", word, words);
}

}  // namespace

MeshReport check_mesh(const MeshFile& mesh, const CancelToken& cancel) {
  MeshReport report;
  report_shape(mesh, cancel, report);
  report_texture(mesh, cancel, report);
  return report;
}

MeshReport check_texture(const MeshFile& mesh, const CancelToken& cancel) {
  MeshReport report;
  report_texture(mesh, cancel, report);
  return report;
}

MeshFile mesh_file_of(const TexturedMesh& mesh) {
  MeshFile file{.surface = mesh.surface, .corner_uv = mesh.corner_uv};
  const bool has_texture = !mesh.albedo.pixels.empty();
  file.face_texture.assign(mesh.surface.faces.size(), has_texture ? 0 : -1);
  if (has_texture) file.textures.push_back(mesh.albedo);
  return file;
}

std::span<const Requirement> requirements() {
  static const std::vector<Requirement> all = [] {
    std::vector<Requirement> words;
    for (const JudgedRequirement& each : kRequirements) words.push_back(each.requirement);
    return words;
  }();
  return all;
}

void check_requirements(const std::vector<std::string>& words) {
  for (const std::string& word : words) judged(word);
}

std::vector<std::string> words_met(const MeshReport& report) {
  std::vector<std::string> words;
  for (const JudgedRequirement& each : kRequirements) {
    if (each.why_not(report).empty()) words.emplace_back(each.requirement.word);
  }
  return words;
}

std::string what_is_unmet(const MeshReport& report, const std::vector<std::string>& required) {
  std::vector<std::string> parts;
  for (const std::string& word : required) {
    const std::string why = judged(word).why_not(report);
    if (!why.empty()) parts.push_back(fmt::format("'{}' ({})", word, why));
  }
  return parts.empty() ? std::string() : fmt::format("The mesh does not meet {}.", fmt::join(parts, ", "));
}

std::string report_of(const std::filesystem::path& file, const MeshReport& report,
                      const std::vector<std::string>& required) {
  const std::vector<std::string> met = words_met(report);
  json unmet = json::array();
  for (const std::string& word : required) {
    if (std::ranges::find(met, word) == met.end()) unmet.push_back(word);
  }
  const auto of_uv = [&](auto value) { return report.has_uv ? json(value) : json(); };
  Float3 size{};
  for (size_t axis = 0; axis < 3; ++axis) size[axis] = report.high[axis] - report.low[axis];
  const json object = {{"file", file.string()},
                       {"ok", unmet.empty()},
                       {"met", met},
                       {"unmet", unmet},
                       {"vertices", report.vertices},
                       {"faces", report.faces},
                       {"watertight", report.surface.watertight},
                       {"manifold", report.surface.manifold},
                       {"consistent", report.consistent},
                       {"components", report.surface.components},
                       {"euler", report.surface.euler},
                       {"area", report.surface.area},
                       {"volume", report.surface.volume},
                       {"debris", report.debris},
                       {"inner_shells", report.inner_shells},
                       {"reversed_normals", report.has_normals ? json(report.reversed_normals) : json()},
                       {"textured", report.has_texture},
                       {"charts", of_uv(report.charts)},
                       {"slivers", of_uv(report.slivers)},
                       {"uv_overlap", of_uv(report.uv_overlap)},
                       {"uv_coverage", of_uv(report.uv_coverage)},
                       {"density_spread", of_uv(report.density_spread)},
                       {"black_texels", report.has_texture ? json(report.black_texels) : json()},
                       {"low", report.low},
                       {"high", report.high},
                       {"size", size}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace relievo

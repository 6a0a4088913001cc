#include "finish/finish.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "check/check.h"
#include "engine/picture_checksum.h"
#include "files/pictures.h"
#include "finish/flat_base.h"
#include "finish/levels.h"
#include "finish/prepare.h"
#include "finish/symmetry.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"
#include "texture/atlas.h"
#include "texture/bake_mesh.h"
#include "texture/occlusion.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr int kSizeWithoutTexture = 1024;
constexpr int kLargestOcclusion = 1024;
constexpr double kMeeting = 0.01;       // share of the texels at which a source must be found
constexpr double kWellFound = 0.97;     // less is worth a note
constexpr float kMillimetres = 0.001f;  // metres

template <typename T>
void check_range(const char* name, T value, Range<T> range) {
  if (value >= range.low && value <= range.high) return;
  throw invalid_value(name, fmt::format("{}", value), fmt::format("Use {} to {}.", range.low, range.high));
}

void check_word(const char* name, const std::string& word, const std::vector<std::string>& words) {
  if (std::ranges::find(words, word) == words.end()) throw unknown_value(name, word, words);
}

int texture_size(const BakeSettings& settings, const MeshFile& source) {
  if (settings.texture_size > 0) return settings.texture_size;
  int largest = 0;
  for (const ByteImage& texture : source.textures)
    largest = std::max({largest, texture.width, texture.height});
  return largest == 0 ? kSizeWithoutTexture
                      : std::clamp(largest, kTextureSizeRange.low, kTextureSizeRange.high);
}

/// Gives the mesh UVs: the target's own where they can be baked onto and are wanted, else new ones.
void set_uv(TexturedMesh& mesh, const MeshFile* own, const BakeSettings& settings, int size,
            std::vector<std::string>& notes, const Control& control) {
  if (own != nullptr && settings.uv != "new") {
    const std::string why = why_no_uv(*own, control.cancel);
    if (why.empty()) {
      mesh.corner_uv = own->corner_uv;
      const MeshReport report =
          check_texture({.surface = mesh.surface,
                         .corner_uv = mesh.corner_uv,
                         .face_texture = std::vector<int32_t>(mesh.surface.faces.size(), -1)},
                        control.cancel);
      mesh.texture_report = {.charts = report.charts, .coverage = report.uv_coverage};
      control.step(1);
      return;
    }
    if (settings.uv == "keep") {
      throw Error(ErrorCode::kInvalidImage, fmt::format("The mesh's UVs cannot be kept: {}.", why),
                  "Unwrap it first, or let it be unwrapped anew (--uv new).");
    }
    notes.push_back(fmt::format("The mesh was unwrapped anew, because of its own UVs {}.",
                                why == "it has none" ? std::string("there were none") : why));
  }
  const float texel = 1.0f / static_cast<float>(size);
  const AtlasSettings apart{.gap = std::max(AtlasSettings().gap, texel), .least_gap = texel};
  Atlas atlas = unwrap(mesh.surface, apart, control);
  mesh.corner_uv = std::move(atlas.corner_uv);
  mesh.texture_report = atlas.report;
}

/// Bakes the source's maps and takes its material's numbers.
void bake_maps(TexturedMesh& mesh, const MeshFile& source, const BakeSettings& settings, int size,
               std::vector<std::string>& notes, const Control& control) {
  Execution execution;
  execution.control = control;
  BakedMaps maps =
      bake_mesh(source, mesh.surface, mesh.corner_uv,
                {.size = size, .reach = settings.reach, .normal_map = settings.normal_map}, execution);
  if (maps.found < kMeeting) {
    throw Error(
        ErrorCode::kInvalidSettings,
        fmt::format("The two meshes do not meet: within {:.3g} % of the source's size, it is found at "
                    "{:.1f} % of the target.",
                    100 * settings.reach, 100 * maps.found),
        "Put both at one place and at one size with their faces outward, or look farther (--reach).");
  }
  if (maps.found < kWellFound) {
    notes.push_back(fmt::format(
        "At {:.1f} % of the texels nothing was found to bake, so they continue what is around them.",
        100 * (1 - maps.found)));
  }
  mesh.albedo = std::move(maps.albedo);
  mesh.normal_map = std::move(maps.normal_map);
}

/// Whether a mesh with these UVs can keep its pictures as they are: it shows one texture and no more.
bool shows_one_texture(const MeshFile& mesh, const BakeSettings& settings) {
  if (mesh.textures.size() != 1 || std::ranges::any_of(mesh.face_texture, [](int32_t t) { return t != 0; }))
    return false;
  const std::set<int32_t> used(mesh.face_material.begin(), mesh.face_material.end());
  if (used.size() > 1) return false;
  const ByteImage& texture = mesh.textures[0];
  if (settings.texture_size > 0 && settings.texture_size != std::max(texture.width, texture.height))
    return false;
  if (used.empty() || *used.begin() < 0) return true;
  const MeshMaterial& material = mesh.materials[*used.begin()];
  return material.colour == Float3{1, 1, 1};
}

/// A picture without its alpha, which results do not have.
ByteImage opaque(const ByteImage& picture) {
  if (picture.channels == 3) return picture;
  ByteImage rgb(picture.width, picture.height, 3);
  for (size_t i = 0; i < rgb.pixels.size() / 3; ++i) {
    for (size_t c = 0; c < 3; ++c)
      rgb.pixels[3 * i + c] =
          picture.pixels[picture.channels * i + std::min<size_t>(c, picture.channels - 1)];
  }
  return rgb;
}

void keep_maps(TexturedMesh& mesh, const MeshFile& source, bool normal_map) {
  mesh.albedo = opaque(source.textures[0]);
  const int32_t material = source.face_material.empty() ? -1 : source.face_material[0];
  const int32_t map = material < 0 ? -1 : source.materials[material].normal_map;
  if (map >= 0 && normal_map) mesh.normal_map = opaque(source.normal_maps[map]);
}

/// Takes roughness and metallic of the material that most faces have.
void set_material(TexturedMesh& mesh, const MeshFile& source, std::vector<std::string>& notes) {
  std::vector<int64_t> faces(source.materials.size());
  for (const int32_t material : source.face_material) {
    if (material >= 0) ++faces[material];
  }
  if (faces.empty()) return;
  const auto most = static_cast<size_t>(std::ranges::max_element(faces) - faces.begin());
  mesh.roughness = source.materials[most].roughness;
  mesh.metallic = source.materials[most].metallic;
  const auto used = std::ranges::count_if(faces, [](int64_t count) { return count > 0; });
  if (used > 1) {
    notes.push_back(fmt::format(
        "Its {} materials became one with one texture; roughness and metallic are those of the largest.",
        used));
  }
}

GenerateResult result_of(TexturedMesh mesh, const std::string& name, const Provenance& provenance,
                         std::vector<std::string> notes) {
  mesh.provenance = provenance;
  mesh.report = inspect_surface(mesh.surface);
  GenerateResult result;
  result.name = name;
  result.albedo_png = encode_png(mesh.albedo, provenance);
  if (!mesh.normal_map.pixels.empty()) result.normal_map_png = encode_png(mesh.normal_map, provenance);
  if (!mesh.occlusion.pixels.empty()) result.occlusion_png = encode_png(mesh.occlusion, provenance);
  result.mesh = std::move(mesh);
  result.notes = std::move(notes);
  return result;
}

/// Scales and moves both, so that the longest side has its millimetres and the lowest place is at z = 0.
void stand(Surface& surface, MeshFile& mesh, float print_size) {
  Float3 low{INFINITY, INFINITY, INFINITY}, high{-INFINITY, -INFINITY, -INFINITY};
  for (const Float3& v : surface.vertices) {
    for (size_t axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], v[axis]);
      high[axis] = std::max(high[axis], v[axis]);
    }
  }
  const float longest = std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]});
  const float scale = print_size > 0 && longest > 0 ? print_size * kMillimetres / longest : 1;
  const auto place = [&](Float3& v) { v = {scale * v[0], scale * v[1], scale * (v[2] - low[2])}; };
  std::ranges::for_each(surface.vertices, place);
  std::ranges::for_each(mesh.surface.vertices, place);
}

/// The surface that is left of the mesh; where its faces are others than the mesh's, `is_new` becomes true.
Surface reshaped(MeshFile& mesh, const FinishSettings& settings, bool& is_new,
                 std::vector<std::string>& notes, const Control& control) {
  is_new = !settings.mirror.empty();
  if (is_new) mesh = made_symmetric(mesh, settings.mirror == "right", control.cancel);
  control.step(0.1);
  const auto faces = static_cast<int64_t>(mesh.surface.faces.size());
  const bool is_simplified = settings.faces > 0 && settings.faces < faces;
  is_new = is_new || is_simplified || settings.flat_base > 0;
  Surface surface = is_new ? body_of(mesh, control.part(0.1, 0.2)) : surface_of(mesh);
  if (settings.is_printed()) stand(surface, mesh, settings.print_size);
  if (settings.flat_base > 0) {
    const float height = settings.flat_base * kMillimetres;
    surface = cut_flat(surface, height, control.cancel);
    const auto lower = [&](Float3& v) { v[2] -= height; };
    std::ranges::for_each(surface.vertices, lower);
    std::ranges::for_each(mesh.surface.vertices, lower);
  }
  control.step(0.25);
  if (!is_simplified) return surface;
  surface = simplify_surface(surface, settings.faces, control.part(0.25, 1));
  if (std::ssize(surface.faces) > settings.faces) {
    notes.push_back(
        fmt::format("It has {} faces and not {}, because with fewer its shape or its holes would be lost.",
                    surface.faces.size(), settings.faces));
  }
  return surface;
}

}  // namespace

void validate(const BakeSettings& settings) {
  check_word("kind of UVs", settings.uv, {"auto", "keep", "new"});
  if (settings.texture_size != 0) check_range("texture size", settings.texture_size, kTextureSizeRange);
  check_range("reach", settings.reach, kReachRange);
}

void validate(const FinishSettings& settings) {
  validate(settings.bake);
  check_range("number of faces", settings.faces, kFacesRange);
  if (settings.faces > 0) check_range("number of faces", settings.faces, {kFewestFaces, kFacesRange.high});
  check_range("number of levels", settings.levels, kLevelsRange);
  check_word("side to mirror", settings.mirror.empty() ? std::string("left") : settings.mirror,
             {"left", "right"});
  check_range("flat base", settings.flat_base, kMillimetresRange);
  check_range("print size", settings.print_size, kMillimetresRange);
  if (settings.roughness) check_range("roughness", *settings.roughness, kUnitRange);
  if (settings.metallic) check_range("metallic", *settings.metallic, kUnitRange);
}

Provenance made_of(const fs::path& source) {
  return {.picture = source.string(),
          .model = "finish",
          .settings = {},
          .version = version(),
          .checksum = picture_checksum(source)};
}

MeshFile read_to_finish(const fs::path& path, const CancelToken& cancel) {
  MeshFile mesh = read_mesh(path, cancel);
  turn_file_to_scene(mesh, path);
  return mesh;
}

Finished finish_mesh(MeshFile mesh, const std::string& name, const Provenance& provenance,
                     const FinishSettings& settings, const Control& control) {
  validate(settings);
  control.step(0);
  fill_normals(mesh);
  std::vector<std::string> notes;
  bool is_new = false;
  TexturedMesh made;
  made.surface = reshaped(mesh, settings, is_new, notes, control.part(0, 0.25));
  const int size = texture_size(settings.bake, mesh);
  set_uv(made, is_new ? nullptr : &mesh, settings.bake, size, notes, control.part(0.25, 0.5));
  set_material(made, mesh, notes);
  if (!is_new && made.corner_uv == mesh.corner_uv && shows_one_texture(mesh, settings.bake)) {
    keep_maps(made, mesh, settings.bake.normal_map);
  } else {
    bake_maps(made, mesh, settings.bake, size, notes, control.part(0.5, settings.occlusion ? 0.75 : 0.95));
  }
  made.roughness = settings.roughness.value_or(made.roughness);
  made.metallic = settings.metallic.value_or(made.metallic);
  if (settings.occlusion) {
    Execution execution;
    execution.control = control.part(0.75, 0.95);
    made.occlusion =
        bake_occlusion(made.surface, made.corner_uv, {.size = std::min(size, kLargestOcclusion)}, execution);
  }
  made.levels = make_levels(made.surface, made.corner_uv, settings.levels - 1, control.part(0.95, 0.98));
  if (std::ssize(made.levels) < settings.levels - 1) {
    notes.push_back(
        fmt::format("It has {} levels of detail and not {}, because the seams of its texture allow "
                    "no fewer faces.",
                    made.levels.size() + 1, settings.levels));
  }
  std::optional<PrintReport> print;
  if (settings.is_printed()) {
    print = print_report(made.surface, control.cancel);
    const std::vector<std::string> sentences = sentences_of(*print);
    notes.insert(notes.end(), sentences.begin(), sentences.end());
  }
  Finished finished{.result = result_of(std::move(made), name, provenance, std::move(notes)), .print = print};
  control.step(1);
  return finished;
}

GenerateResult bake_onto(MeshFile source, MeshFile target, const std::string& name,
                         const Provenance& provenance, const BakeSettings& settings, const Control& control) {
  validate(settings);
  control.step(0);
  fill_normals(source);
  fill_normals(target);
  std::vector<std::string> notes;
  TexturedMesh made;
  made.surface = surface_of(target);
  const int size = texture_size(settings, source);
  set_uv(made, &target, settings, size, notes, control.part(0, 0.3));
  set_material(made, source, notes);
  bake_maps(made, source, settings, size, notes, control.part(0.3, 0.97));
  GenerateResult result = result_of(std::move(made), name, provenance, std::move(notes));
  control.step(1);
  return result;
}

}  // namespace relievo

// Finishes textured meshes, anybody's: fewer faces, levels of detail, symmetry, a flat base and a size for
// printing, an ambient occlusion map. Bakes what one mesh shows onto another one. It shows no type of torch.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "base/numbers.h"
#include "engine/engine.h"
#include "files/read_mesh.h"
#include "finish/printability.h"

namespace relievo {

inline constexpr Range<int> kLevelsRange{1, 4};
inline constexpr Range<float> kMillimetresRange{0.0f, 100'000.0f};
inline constexpr Range<float> kReachRange{0.0001f, 1.0f};
inline constexpr Range<float> kUnitRange{0.0f, 1.0f};

/// How a mesh gets its UVs: `auto` keeps those that can be baked onto, `keep` refuses others, `new` unwraps
/// in any case.
struct BakeSettings {
  std::string uv = "auto";
  int texture_size = 0;  ///< texels a side; 0: as the largest texture of the source
  /// Distance within which the source is looked for, as a share of its diagonal.
  float reach = 0.02f;
  bool normal_map = true;
};

struct FinishSettings {
  int faces = 0;   ///< most triangles; 0 keeps as many as there are
  int levels = 1;  ///< 1 is the mesh alone, 4 is LOD0 to LOD3, each with half the faces of that before it
  /// The half that is kept and mirrored at x = 0: `left` is what is seen from -X, `right` from +X. Empty:
  /// none.
  std::string mirror = {};
  float flat_base = 0;   ///< millimetres that are cut off at the bottom; 0: none
  float print_size = 0;  ///< millimetres of the longest side; 0 keeps the size
  bool occlusion = false;
  std::optional<float> roughness = {};  ///< nothing: the source's
  std::optional<float> metallic = {};
  BakeSettings bake = {};

  bool is_printed() const { return flat_base > 0 || print_size > 0; }
};

/// Throws Error{kInvalidSettings} that names the first setting out of its range, or a word that is not known.
void validate(const FinishSettings& settings);
void validate(const BakeSettings& settings);

struct Finished {
  GenerateResult result;
  std::optional<PrintReport> print = {};  ///< where it was made for printing
};

/// Says of a result that it was made of this file: its name, and the checksum of its content, by which files
/// of an earlier result of the same file are told from others. Throws Error{kIo}.
Provenance made_of(const std::filesystem::path& source);

/// Finishes a mesh in scene axes and metres, called `name`. What changes its faces gives it new UVs, and what
/// it showed is baked onto them; else it keeps them and its texture. Its materials become one, several
/// textures one. The printed stand on z = 0. Notes say what came out differently. Throws
/// Error{kInvalidSettings}, Error{kInvalidImage} for a mesh that cannot be finished so, Error{kCancelled}.
Finished finish_mesh(MeshFile mesh, const std::string& name, const Provenance& provenance,
                     const FinishSettings& settings, const Control& control = {});

/// Bakes what `source` shows onto `target`, both in scene axes and metres and at one place. The result is the
/// target with its own faces. Throws as finish_mesh, and Error{kInvalidSettings} where they do not meet.
GenerateResult bake_onto(MeshFile source, MeshFile target, const std::string& name,
                         const Provenance& provenance, const BakeSettings& settings,
                         const Control& control = {});

/// Reads a mesh file into scene axes. Throws as read_mesh.
MeshFile read_to_finish(const std::filesystem::path& path, const CancelToken& cancel = {});

/// Writes the result as save_as does. With `separate`, each level of detail is a file of its own: NAME_LOD0
/// and so on. Formats other than GLB hold the full level alone unless they are separate.
std::vector<std::filesystem::path> save_finished(const GenerateResult& result,
                                                 const std::filesystem::path& where,
                                                 const std::vector<std::string>& formats, bool separate);

/// One JSON object for a finished file: `mesh`, `ok`, `files`, `faces` of each level, `notes`, and `print`
/// (closed, pieces, least_wall, overhang, size) where it was made for printing.
std::string report_of_finished(const std::string& source, const GenerateResult& result,
                               const std::optional<PrintReport>& print,
                               const std::vector<std::filesystem::path>& files);
/// The same of a file that could not be finished: `mesh`, `ok`, and `error` (code, message, hint).
std::string report_of_unfinished(const std::string& source, const Error& error);

}  // namespace relievo

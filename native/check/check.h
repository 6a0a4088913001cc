// Judges meshes, anybody's: how sound the surface is, how well it is unwrapped and textured, and whether it
// meets what somebody requires of it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/control.h"
#include "base/mesh.h"
#include "files/read_mesh.h"

namespace relievo {

/// A piece with less than this share of the mesh's area is debris: the default of the setting `debris`.
inline constexpr double kDebrisShare = 0.01;
/// A chart of fewer texels than this shows no picture: it is a sliver.
inline constexpr double kSliverTexels = 8;
/// The texture's side that counts where there are UVs without a texture.
inline constexpr int kSideWithoutTexture = 1024;

/// What a mesh is like as those programs see it that merge vertices at one place.
struct MeshReport {
  int64_t vertices = 0;  ///< places that faces use
  int64_t faces = 0;     ///< triangles
  /// As of inspect_surface(); `components` are its pieces.
  SurfaceReport surface = {};
  bool consistent = false;      ///< two faces that share an edge turn the same way
  int debris = 0;               ///< pieces of less than kDebrisShare of the area, the largest never
  int inner_shells = 0;         ///< pieces that lie inside another piece
  double reversed_normals = 0;  ///< share of the corners whose stored normal looks into the face
  bool has_normals = false;
  bool has_uv = false;
  bool has_texture = false;  ///< every face has UVs and a texture
  int charts = 0;
  double slivers = 0;      ///< share of the charts that have fewer than kSliverTexels
  double uv_overlap = 0;   ///< share of the covered texels that several faces cover
  double uv_coverage = 0;  ///< share of the textures' texels that faces cover
  /// The 95th percentile of the texels a length, by area, over the 5th: 1 where all parts are equally sharp.
  double density_spread = 0;
  double black_texels = 0;  ///< share of the covered texels that are black, as holes in a texture are
  Float3 low{};             ///< the corners of the box around it, in the file's axes and unit
  Float3 high{};
};

/// Throws Error{kCancelled}, Error{kInternal} where the parts of the mesh do not fit together.
MeshReport check_mesh(const MeshFile& mesh, const CancelToken& cancel = {});

/// What of that is about UVs and textures alone, which is quicker where there are thousands of pieces.
MeshReport check_texture(const MeshFile& mesh, const CancelToken& cancel = {});

/// A result's mesh as its GLB holds it.
MeshFile mesh_file_of(const TexturedMesh& mesh);

/// The words in which soundness is required, in the order of the table.
struct Requirement {
  std::string_view word;
  std::string_view meaning;
};
std::span<const Requirement> requirements();

/// Throws Error{kInvalidSettings} for a word that is none.
void check_requirements(const std::vector<std::string>& words);

/// All words that the mesh meets.
std::vector<std::string> words_met(const MeshReport& report);

/// Says which of the required words the mesh does not meet, and why; empty where it meets all.
std::string what_is_unmet(const MeshReport& report, const std::vector<std::string>& required);

/// The report as a JSON object on one line, with `file`, `met`, and `unmet` of what is required.
std::string report_of(const std::filesystem::path& file, const MeshReport& report,
                      const std::vector<std::string>& required);

}  // namespace relievo

// An object to learn from: triangles and the colours of their surface.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

enum class Pattern { kPlain, kStripes, kChecks, kDots, kClouds, kLetters };

/// What a surface looks like. A pattern lies on the box's sides: each point takes the two axes across which
/// its face looks.
struct Material {
  Float3 colour{0.7f, 0.7f, 0.7f};  ///< sRGB-encoded
  float roughness = 0.6f;           ///< 0.05..1: width of the highlight
  float shine = 0.04f;              ///< share of light that is mirrored when seen straight on, 0..1
  int picture = -1;                 ///< into Object::pictures; looked up by corner_uv, times `colour`
  Pattern pattern = Pattern::kPlain;
  Float3 second{0.2f, 0.2f, 0.2f};  ///< the pattern's other colour, sRGB-encoded
  float period = 0.2f;              ///< of the pattern, in units of the object
  uint64_t seed = 0;                ///< of letters and clouds
};

/// Who made an object, and under which terms it may be used.
struct Origin {
  std::string name;    ///< unique among all objects, fit for a file's name
  std::string source;  ///< `infinigen`, `sweethome3d`, `generated`, or as its owner calls it
  std::string family;  ///< its kind: what is held out, and what figures are averaged over
  std::string licence;
  std::string author;
};

struct Object {
  Surface surface;  ///< z up, any unit; faces may look either way and lie inside others
  std::vector<Float3>
      vertex_colours;  ///< sRGB-encoded; empty, or one a vertex, which multiply the material's
  std::vector<std::array<Float2, 3>> corner_uv;  ///< empty, or one a face; origin at the bottom left
  std::vector<int32_t> face_material;            ///< one a face
  std::vector<Material> materials;               ///< at least one
  std::vector<Image> pictures;                   ///< sRGB-encoded
};

/// Moves and scales the object so that its box's centre is the origin and its longest side 1, and drops faces
/// without area. Throws Error{kEmptySurface} where fewer than four faces are left or the box has no size,
/// Error{kInvalidImage} for an index or number out of range.
void normalise(Object& object);

/// The colour of a point of a face, sRGB-encoded 0..1; `weights` are those of its corners.
Float3 colour_at(const Object& object, int face, const Float3& weights);

}  // namespace relievo

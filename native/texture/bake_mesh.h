// Bakes what one mesh shows onto another one: colours, and the detail of its normals.
#pragma once

#include "base/image.h"
#include "base/mesh.h"
#include "files/read_mesh.h"
#include "nn/execution.h"

namespace relievo {

struct MeshBakeSettings {
  int size = 2048;  ///< texels a side, 64..8192
  /// Distance within which the source is looked for, as a share of its diagonal.
  float reach = 0.02f;
  bool normal_map = true;
};

/// The maps of a target.
struct BakedMaps {
  ByteImage albedo;      ///< sRGB, 3 channels
  ByteImage normal_map;  ///< tangent space, 3 channels; empty where none was asked for
  double found = 0;      ///< the share of the covered texels at which the source was found
};

/// Bakes the source onto the target with its UVs, which lie in 0..1 and do not overlap; both stand at one
/// place. At each texel the source is looked for along the target's vertex normals (base/vertex_normals.h) to
/// both sides, then all around, as for normal maps (normal_map.h); faces that look the other way do not
/// count. Its texture is read bilinearly, from a smaller mip level where the target has fewer texels than it,
/// and multiplied by its material's colour; a face without a texture has that colour alone. The normal map
/// holds the source's stored normals (else smooth ones of its vertices as they are), turned by its own normal
/// map. Texels at which nothing is found, and those
/// beyond the charts, continue what is around them (push-pull). Throws Error{kInvalidSettings} for a size or
/// reach out of range, Error{kInternal} where the parts of a mesh do not fit together, Error{kCancelled}.
BakedMaps bake_mesh(const MeshFile& source, const Surface& target,
                    const std::vector<std::array<Float2, 3>>& corner_uv, const MeshBakeSettings& settings,
                    const Execution& execution);

}  // namespace relievo

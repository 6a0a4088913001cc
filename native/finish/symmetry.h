// Makes a mesh mirror symmetric.
#pragma once

#include <string>

#include "base/control.h"
#include "files/read_mesh.h"

namespace relievo {

/// Cuts a mesh in scene axes at x = 0, keeps the half that is seen from +X (`right`) or -X and adds its
/// mirror image, with textures and normals. Vertices near the plane are put onto it, so that a closed mesh
/// stays closed. Throws Error{kInvalidImage} where nothing lies on that side, Error{kCancelled}.
MeshFile made_symmetric(const MeshFile& mesh, bool keep_right, const CancelToken& cancel);

}  // namespace relievo

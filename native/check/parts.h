// The parts of a mesh's report that are about its shape and about its texture.
#pragma once

#include "check/check.h"

namespace relievo {

/// Fills vertices, faces, surface, consistent, debris, inner_shells, normals and the box.
void report_shape(const MeshFile& mesh, const CancelToken& cancel, MeshReport& report);

/// Fills what is about UVs and textures.
void report_texture(const MeshFile& mesh, const CancelToken& cancel, MeshReport& report);

}  // namespace relievo

// Makes meshes of files ready: the surface that their vertices mean, and UVs that can be baked onto.
#pragma once

#include <string>

#include "base/control.h"
#include "files/read_mesh.h"

namespace relievo {

/// Gives a mesh without stored normals smooth ones across all faces at a place, and makes the stored ones
/// unit.
void fill_normals(MeshFile& mesh);

/// The mesh's faces, in their order, with vertices of one place and normal merged: files split vertices where
/// the texture has a seam, which none must see in the shading; where normals differ, an edge is sharp. The
/// mesh has normals.
Surface surface_of(const MeshFile& mesh);

/// The mesh's faces with all vertices of one place merged, without faces that have no area: what can be cut
/// and simplified. Throws Error{kEmptySurface}.
Surface body_of(const MeshFile& mesh, const Control& control);

/// Says why one texture cannot be baked with the mesh's UVs, as a clause; empty where it can.
std::string why_no_uv(const MeshFile& mesh, const CancelToken& cancel);

}  // namespace relievo

// Writes meshes, all but PLY and FBX through Assimp. Input is in scene axes (base/mesh.h: Z up, front -Y,
// metres). The formats' axes: glTF is Y up with its front towards +Z by specification, and OBJ is written the
// same way, which is what Blender's importers expect: (x, y, z) -> (x, z, -y). PLY has no convention; it is
// written in scene axes, Blender's default. FBX is turned as glTF is, and in centimetres. STL and 3MF, for
// printing, are Z up and in millimetres.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// Writes `folder/name.<format>` and what belongs to it, and returns all files, the mesh first.
///   glb  one file, textures embedded as PNG; without vertex colours, which would multiply the texture.
///        Levels of detail follow as MSFT_lod has them: the node `name` holds the node `name_LOD0`, which
///        names name_LOD1 and so on, outside of the scene: readers that do not know them show the full one.
///   obj  with name.mtl and name_albedo.png (and name_normal.png, name_occlusion.png); quotation marks in a
///        picture's name become %22; mesh.vertex_colours, where there are any, follow the positions (v x y z
///        r g b, sRGB-encoded)
///   fbx  binary, version 7.4, textures inside; without vertex colours, as glb
///   ply  binary little-endian with normals and vertex colours, no texture
///   stl  binary, the body alone
///   3mf  the body alone, its vertices shared by its triangles
/// The object, the mesh and the material are called `name`. No format but GLB holds levels. Corners that
/// share position and UV share a vertex, and normals are smooth across UV seams. `albedo_png`, where given,
/// is used instead of encoding mesh.albedo again. Every file says what it was made of (files/source_mark.h).
/// PLY takes its colours from the albedo where mesh.vertex_colours is empty. Every file is whole or not
/// there, and the mesh comes last, when all that it refers to is there. Throws Error{kIo};
/// Error{kInvalidSettings} for another format, or a name with a slash, backslash, control character or a
/// space at an end; Error{kEmptySurface} for a mesh without faces; Error{kInternal} where the parts of the
/// mesh do not fit together.
std::vector<std::filesystem::path> write_mesh(const std::filesystem::path& folder, const std::string& name,
                                              const std::string& format, const TexturedMesh& mesh,
                                              const std::vector<std::byte>& albedo_png = {});

}  // namespace relievo

// Readers of objects. They fill everything but the Origin, and refuse what cannot be learnt from.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "train/data/archive.h"
#include "train/data/object.h"

namespace relievo {

/// More triangles than this take too long; simplify such a mesh first.
inline constexpr int64_t kMostFaces = 400'000;

/// Reads an .npz of four arrays: `v` uint16 [n, 3], `f` uint16 [m, 3], `m` uint8 [m], `c` uint8 [n, 3] or
/// [0, 3]; z is up. An object of one colour gets one a material, drawn with `seed`. Throws Error{kIo,
/// kInvalidImage} for anything else.
Object read_npz(const std::filesystem::path& path, uint64_t seed);

/// Reads any mesh that Assimp reads (OBJ, glTF, PLY, STL, ...), with its materials, textures and vertex
/// colours, and everything that its file names in `archive`. PLY and STL have z up, the others y. `turn` is a
/// row-major rotation that comes before. Throws Error{kIo, kInvalidImage}.
Object read_scene(const Archive& archive, const std::string& name,
                  const std::array<float, 9>& turn = {1, 0, 0, 0, 1, 0, 0, 0, 1});

}  // namespace relievo

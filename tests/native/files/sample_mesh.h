// A box whose every side differs, in scene axes (Z up, front -Y), with a texture of four colours.
#pragma once

#include "base/mesh.h"

namespace relievo {

/// x -0.5..1, y -1..2 (the front is at -1), z -1.5..3. Each side shows the whole texture, upright where the
/// side is seen from outside; the UVs are the middles of the four texels. Red is at the top left, green top
/// right, blue bottom left, yellow bottom right.
inline TexturedMesh sample_mesh() {
  TexturedMesh mesh;
  for (const float z : {-1.5f, 3.0f}) {
    for (const float y : {-1.0f, 2.0f}) {
      for (const float x : {-0.5f, 1.0f}) mesh.surface.vertices.push_back({x, y, z});
    }
  }
  // Bottom left, bottom right, top right, top left, seen from outside.
  const std::array<std::array<int32_t, 4>, 6> sides{{{0, 1, 5, 4},    // front
                                                     {3, 2, 6, 7},    // back
                                                     {2, 0, 4, 6},    // left
                                                     {1, 3, 7, 5},    // right
                                                     {4, 5, 7, 6},    // top
                                                     {2, 3, 1, 0}}};  // bottom
  const std::array<Float2, 4> uv{{{0.25f, 0.25f}, {0.75f, 0.25f}, {0.75f, 0.75f}, {0.25f, 0.75f}}};
  for (const auto& side : sides) {
    mesh.surface.faces.push_back({side[0], side[1], side[2]});
    mesh.corner_uv.push_back({uv[0], uv[1], uv[2]});
    mesh.surface.faces.push_back({side[0], side[2], side[3]});
    mesh.corner_uv.push_back({uv[0], uv[2], uv[3]});
  }
  mesh.albedo = ByteImage(2, 2, 3);
  mesh.albedo.pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0};
  // A colour that tells the vertex: red for its x, green for y, blue for z; 0.2 or 0.8.
  for (size_t i = 0; i < mesh.surface.vertices.size(); ++i) {
    const auto level = [&](int bit) { return (i >> bit & 1) != 0 ? 0.8f : 0.2f; };
    mesh.vertex_colours.push_back({level(0), level(1), level(2)});
  }
  mesh.provenance = {.picture = "photo of a box.png",
                     .model = "preview",
                     .settings = R"({"depth":1})",
                     .version = "9.8.7",
                     .checksum = {}};
  return mesh;
}

/// Flat but for a slope to the right in its right half.
inline ByteImage sample_normal_map() {
  ByteImage map(2, 2, 3);
  map.pixels = {128, 128, 255, 218, 128, 218, 128, 128, 255, 218, 128, 218};
  return map;
}

}  // namespace relievo

// Meshes as plain values, and the one statement of the axes they live in.
//
// Model box: the cube -1..1 in which the networks and the fields work. Right-handed, Z up, +X towards the
// camera that took the picture, so the picture's right is +Y. Scene: what leaves the engine. Right-handed, Z
// up, front towards -Y, metres (Blender's axes). turn_to_scene is the only place where one becomes the other;
// files/ turns further where a format has axes of its own (glTF: Y up).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/image.h"

namespace relievo {

using Float2 = std::array<float, 2>;
using Float3 = std::array<float, 3>;
using Int3 = std::array<int32_t, 3>;

/// Triangles, counter-clockwise seen from outside.
struct Surface {
  std::vector<Float3> vertices;
  std::vector<Int3> faces;
};

/// How sound a surface is. Measured by surface/, carried in results.
struct SurfaceReport {
  bool watertight = false;  ///< every edge has exactly two faces, and there is a face
  bool manifold = false;  ///< no edge with more than two faces, no vertex whose faces form more than one fan,
                          ///< and neighbouring faces turn the same way
  int components = 0;     ///< pieces connected over edges
  int euler = 0;          ///< vertices - edges + faces, unused vertices not counted
  double area = 0;
  double volume = 0;  ///< signed; positive when the faces look outward
};

/// How well the texture is used. Measured by texture/, carried in results.
struct TextureReport {
  int charts = 0;           ///< pieces that the surface is unwrapped into
  double coverage = 0;      ///< the charts' share of the texture, 0..1
  double mean_stretch = 0;  ///< 1 where every face keeps its shape and scale in the texture (L2 of Sander,
                            ///< Snyder, Gortler and Hoppe 2001, normalised by the areas)
  float gap = 0;            ///< between charts, in parts of the texture's side
};

/// Where a result came from; written into files and onto the Blender object.
struct Provenance {
  std::string picture;   ///< path or name as given; files that may be given away have its last part alone
  std::string model;     ///< name in the model catalogue
  std::string settings;  ///< the settings as one JSON object
  std::string version;   ///< of Relievo
  std::string
      checksum;  ///< SHA-256 of the picture's content, in hexadecimal; empty where there is no picture
};

/// A coarser form of a surface, which shows the same maps.
struct DetailLevel {
  Surface surface;
  std::vector<std::array<Float2, 3>> corner_uv;  ///< one triple a face
};

/// A surface with colour. UV origin is the bottom left corner of the albedo picture.
struct TexturedMesh {
  Surface surface;
  std::vector<std::array<Float2, 3>> corner_uv;  ///< one triple a face
  ByteImage albedo;                              ///< sRGB, 3 channels, row 0 at the top
  ByteImage normal_map;                          ///< tangent space, 3 channels; empty when there is none
  ByteImage occlusion;  ///< ambient occlusion, 1 channel, white where all is open; empty when there is none
  float roughness = 0.8f;  ///< of the whole surface; 0 is a mirror
  float metallic = 0;
  std::vector<Float3> vertex_colours;  ///< sRGB-encoded 0..1, one a vertex; empty when there is none
  std::vector<DetailLevel> levels;     ///< coarser ones, each with fewer faces than that before it
  SurfaceReport report;
  TextureReport texture_report;
  Provenance provenance;
};

/// Model box -> scene, in place: (x, y, z) -> (y, -x, z).
void turn_to_scene(Surface& surface);

}  // namespace relievo

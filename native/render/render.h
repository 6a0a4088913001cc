// Renders a finished mesh from any camera, layer by layer; turntable.h, contact_sheet.h and layers_file.h
// make files of them. Everything here is in scene axes (base/mesh.h: Z up, front -Y, metres) and on the CPU.
#pragma once

#include <memory>
#include <vector>

#include "base/camera.h"
#include "base/control.h"
#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

/// A pinhole camera and its picture.
struct View {
  Matrix4 pose{};             ///< camera-to-world (base/camera.h)
  double fov_y_degrees = 30;  ///< vertical field of view; pixels are square
  int width = 1024;
  int height = 1024;
};

/// The depth of a pixel that shows nothing, as Blender writes it.
inline constexpr float kNoDepth = 1e10f;

/// The layers of one view. Colours are averaged over the pixel; depth, normal and position are those of its
/// centre, for their averages would lie on no surface.
struct Layers {
  Image colour;                  ///< [H, W, 4] linear light, straight alpha: lit
  Image albedo;                  ///< [H, W, 4] linear light, straight alpha: unlit
  std::vector<float> depth;      ///< [H, W] metres along the viewing axis; kNoDepth where there is nothing
  std::vector<Float3> normal;    ///< [H, W] unit length; zero where there is nothing
  std::vector<Float3> position;  ///< [H, W] metres; zero where there is nothing
};

/// Renders one mesh any number of times; normals and mip levels, which do not depend on the view, are made
/// once. The mesh is referred to, not copied, and must stay unchanged. render() and shadow() may be called
/// from several threads at once.
class Renderer {
 public:
  /// Throws Error{kEmptySurface} for a mesh without faces, Error{kInternal} where its parts do not fit
  /// together (an index, UVs or vertex colours of another count). A mesh without an albedo shows its vertex
  /// colours, or grey where it has none.
  explicit Renderer(const TexturedMesh& mesh);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  const TexturedMesh& mesh() const;

  /// Renders with `samples` rays a pixel (1..256), the first through its centre. The light is a soft sky and
  /// a key light over the camera's left shoulder, so it turns with the camera. The normal map, where there is
  /// one, is taken as tangent space with +Y up (OpenGL, glTF). Each surface is seen from both sides. Throws
  /// Error{kInvalidSettings} for a size below 1 or above 16384, a field of view not within 1..170 degrees, or
  /// another number of samples; Error{kCancelled}.
  static constexpr int kSamples = 16;
  Layers render(const View& view, int samples = kSamples, const Control& control = {}) const;

  /// Computes how dark the ground is at each pixel, 0..1: a soft shadow, as of an overcast sky, on a floor
  /// that the mesh stands on.
  Mask shadow(const View& view, const Control& control = {}) const;

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

/// A direction to look from: azimuth 0 is the front (-Y), 90 degrees its right as seen from the front (+X);
/// elevation 90 degrees is straight down from above.
struct Angle {
  double azimuth_degrees = 0;
  double elevation_degrees = 0;
};

/// Makes square views of the mesh from these angles, all from the same distance: the nearest from which the
/// whole mesh is in every picture with a margin around it (0..0.4, a share of the side).
std::vector<View> framed_views(const Surface& surface, const std::vector<Angle>& angles, int side,
                               double margin = 0.06, double fov_degrees = 24);

/// Composes a sRGB-encoded opaque RGB picture: the layers' colour on a quiet light background, with a shadow
/// below if `shadow` is not empty.
ByteImage on_background(const Layers& layers, const Mask& shadow);

/// Composes a sRGB-encoded RGBA picture with straight alpha and no background.
ByteImage on_nothing(const Layers& layers);

}  // namespace relievo

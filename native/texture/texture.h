// Textures a surface: UV coordinates, colour, and the detail that simplification took away.
#pragma once

#include "base/image.h"
#include "base/mesh.h"
#include "nn/execution.h"
#include "nn/field.h"
#include "nn/views.h"
#include "texture/atlas.h"

namespace relievo {

struct TextureSettings {
  int size = 1024;  ///< texels a side, 64..8192
  /// Projects the pictures onto what they see; without it all colour is the field's.
  bool projection = true;
  bool vertex_colours = true;
};

/// Facts about the object besides its field. All of them may be missing.
struct TextureSources {
  /// The input picture where it shows the model box's front, seen along -X from far away (the preview model).
  const Foreground* front = nullptr;
  const Views* views = nullptr;  ///< pictures with their cameras in the model box
  /// Takes every texel from the one view that sees it best (best_pictures.h), and grows what none sees from
  /// the surface around it: for views that show the object truly, such as photographs of its sides. Without
  /// it, views are blended.
  bool from_best_view = false;
  /// The surface before it was simplified; a normal map is baked from it.
  const Surface* detail = nullptr;
};

/// Textures a surface (model box), which stays as it is. The surface is unwrapped (atlas.h) into a square
/// albedo of size x size texels. A texel's colour is the field's at the point that it shows, computed in
/// batches on the field's device; pictures are blended over it where they see the point: with more weight the
/// more directly they look at it, with none near outlines, and only where nothing lies in front. Between the
/// charts the colours are grown (push-pull), so neither bilinear interpolation nor mip levels see the
/// background. Vertex colours are made in the same way. With `sources.detail` a normal map follows
/// (normal_map.h). The surface's report is left empty, the texture's is filled in.
///
/// Memory besides results: about 26 bytes a texel, and the field's workspace for 65,536 points at a time or
/// what of them execution.byte_budget allows.
///
/// Throws Error{kInvalidSettings} for a size out of range or views that are not [V, 3, S, S] with [V, 16]
/// cameras, Error{kInvalidImage} for a front picture that is not square RGBA, Error{kEmptySurface} when no
/// face has an area, Error{kInternal} for a broken surface or colours that are not finite, Error{kCancelled}.
TexturedMesh texture_surface(Surface surface, const Field& field, const TextureSources& sources,
                             const TextureSettings& settings, const Execution& execution);

/// Does the same over a given atlas of the surface.
TexturedMesh bake_surface(Surface surface, Atlas atlas, const Field& field, const TextureSources& sources,
                          const TextureSettings& settings, const Execution& execution);

}  // namespace relievo

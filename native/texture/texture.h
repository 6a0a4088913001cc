// Surface -> TexturedMesh: UV coordinates and colour.
#pragma once

#include "base/control.h"
#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

struct TextureSettings {
  int size = 1024;  ///< height of the albedo in texels, 64..8192
};

/// Textures a surface (model box) with the picture that it was made from: two planar charts side by side, the
/// front half of the surface (faces turned to +X) on the left, the back half mirrored on the right, so the
/// albedo is twice as wide as high. The picture's colours are grown over the subject's border, so that no
/// background shows. Vertex colours are sampled from the same picture. The report is left empty. Throws
/// Error{kInvalidSettings} for a size out of range, Error{kCancelled}.
TexturedMesh texture_from_picture(Surface surface, const Foreground& foreground,
                                  const TextureSettings& settings, const Control& control);

}  // namespace relievo

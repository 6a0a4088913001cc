// Unwraps a surface: charts of UV coordinates, packed into one square.
#pragma once

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

struct AtlasSettings {
  /// Distance between charts, as a share of the side: 16 texels at 2048.
  float gap = 1.0f / 128;
  /// Where charts cover less of the square than this, the gap is made smaller, but not below `least_gap`: a
  /// texel keeps the colours of two charts apart.
  double wanted_coverage = 0.61;
  float least_gap = 0;
};

struct Atlas {
  std::vector<std::array<Float2, 3>> corner_uv;  ///< one triple a face, 0..1, origin bottom left
  std::vector<int32_t> chart_of_face;            ///< -1 for a face without an area
  TextureReport report;
};

/// Unwraps a surface. Charts are not mirrored and do not overlap; the surface's topology stays as it is: at a
/// seam, corners of one vertex have different UVs. Faces without an area get the UV of one of their vertices.
/// Throws Error{kEmptySurface} when no face has an area, Error{kInternal} for a face that names a vertex that
/// is not there or for coordinates that are not finite, Error{kCancelled}.
Atlas unwrap(const Surface& surface, const AtlasSettings& settings, const Control& control);

}  // namespace relievo

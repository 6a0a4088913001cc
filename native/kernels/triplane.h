// Sampling of triplane features, the inner loop of every triplane field.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/body.h"

namespace relievo::kernels {

/// Reads the three planes of a triplane at points of the box -1..1. (EG3D, Chan et al. 2022, section 3.1;
/// LRM, Hong et al. 2023.) Plane 0 sees (x, y), plane 1 (x, z), plane 2 (z, y); the first of each pair runs
/// along the plane's width. Interpolation is bilinear, with texel centres at (2 i + 1) / size - 1, and zeros
/// outside (torch's grid_sample with align_corners false).
struct TriplaneSampling {
  /// [3, height, width, channels]: channels last, so that a texel is one run of memory.
  const float* planes = nullptr;
  const float* points = nullptr;  ///< [count, 3] x, y, z
  float* features = nullptr;      ///< [count, 3, channels], written
  int64_t count = 0;
  int32_t channels = 0;
  int32_t height = 0;
  int32_t width = 0;
};

/// Projects a point onto plane `plane`: u along the width, v along the height, both in -1..1.
RELIEVO_BODY void project_to_plane(const float* point, int32_t plane, float& u, float& v) {
  u = plane == 2 ? point[2] : point[0];
  v = plane == 1 ? point[2] : point[1];
}

/// One index is one point on one plane, `index` in 0..3*count.
RELIEVO_BODY void sample_triplane_at(const TriplaneSampling& s, int64_t index) {
  const int32_t plane = static_cast<int32_t>(index % 3);
  float u = 0, v = 0;
  project_to_plane(s.points + index / 3 * 3, plane, u, v);
  const float x = ((u + 1) * static_cast<float>(s.width) - 1) * 0.5f;
  const float y = ((v + 1) * static_cast<float>(s.height) - 1) * 0.5f;
  float* out = s.features + index * s.channels;
  for (int32_t c = 0; c < s.channels; ++c) out[c] = 0;
  // The comparisons are written so that a NaN is outside, and nothing is converted to an integer that cannot
  // hold it.
  const bool meets_plane =
      x > -1 && y > -1 && x < static_cast<float>(s.width) && y < static_cast<float>(s.height);
  if (!meets_plane) return;
  const float left = floorf(x), top = floorf(y);
  for (int32_t corner = 0; corner < 4; ++corner) {
    const int32_t column = static_cast<int32_t>(left) + (corner & 1);
    const int32_t row = static_cast<int32_t>(top) + (corner >> 1);
    if (column < 0 || row < 0 || column >= s.width || row >= s.height) continue;
    const float weight = ((corner & 1) ? x - left : left + 1 - x) * ((corner >> 1) ? y - top : top + 1 - y);
    const float* texel =
        s.planes + ((static_cast<int64_t>(plane) * s.height + row) * s.width + column) * s.channels;
    for (int32_t c = 0; c < s.channels; ++c) out[c] += weight * texel[c];
  }
}

void sample_triplane_cpu(const TriplaneSampling& sampling);

/// Pointers are device memory; `stream` is a cudaStream_t. Returns without waiting. Throws Error{kDeviceLost}
/// when the launch fails. Only builds with CUDA (RELIEVO_CUDA) have it.
void sample_triplane_cuda(const TriplaneSampling& sampling, void* stream);

}  // namespace relievo::kernels

// Rays through a tree of triangles: what they meet first, and how much of the sky a point sees.
#pragma once

#include <cstdint>

#include "kernels/body.h"
#include "kernels/mesh_tree.h"

namespace relievo::kernels {

/// A surface with its tree (build_tree).
struct TreeView {
  const TreeNode* nodes = nullptr;
  const int32_t* order = nullptr;
  const int32_t* faces = nullptr;   ///< [F, 3]
  const float* vertices = nullptr;  ///< [V, 3]
};

/// What a ray has met.
struct RayHit {
  int32_t face = -1;  ///< -1 where it met nothing
  float distance = 0;
};

/// Returns the distance at which the ray p + t d enters the box; negative where it misses it within `reach`.
RELIEVO_BODY float entry_into_box(const TreeNode& node, const float* p, const float* d, float reach) {
  float first = 0, last = reach;
  for (int32_t axis = 0; axis < 3; ++axis) {
    if (d[axis] == 0) {
      if (p[axis] < node.low[axis] || p[axis] > node.high[axis]) return -1;
      continue;
    }
    const float a = (node.low[axis] - p[axis]) / d[axis], b = (node.high[axis] - p[axis]) / d[axis];
    first = fmaxf(first, fminf(a, b));
    last = fminf(last, fmaxf(a, b));
  }
  return first <= last ? first : -1.0f;
}

/// The sides of faces that a ray meets.
enum class Facing : uint8_t { kFront, kBack };

/// Intersects a ray with one face (Moeller and Trumbore 1997).
RELIEVO_BODY void meet_face(const TreeView& tree, int32_t face, const float* p, const float* d, Facing facing,
                            float from, RayHit& best) {
  const int32_t* corner = tree.faces + static_cast<int64_t>(face) * 3;
  const float* a = tree.vertices + static_cast<int64_t>(corner[0]) * 3;
  const float* b = tree.vertices + static_cast<int64_t>(corner[1]) * 3;
  const float* c = tree.vertices + static_cast<int64_t>(corner[2]) * 3;
  float e1[3], e2[3], to[3], h[3], q[3];
  for (int32_t axis = 0; axis < 3; ++axis) {
    e1[axis] = b[axis] - a[axis];
    e2[axis] = c[axis] - a[axis];
    to[axis] = p[axis] - a[axis];
  }
  cross3(d, e2, h);
  const float volume = dot3(e1, h);
  // It is positive where the ray comes towards the front.
  if (facing == Facing::kFront ? !(volume > 0) : !(volume < 0)) return;
  const float w1 = dot3(to, h) / volume;
  if (w1 < 0 || w1 > 1) return;
  cross3(to, e1, q);
  const float w2 = dot3(d, q) / volume;
  if (w2 < 0 || w1 + w2 > 1) return;
  const float t = dot3(e2, q) / volume;
  if (t > from && t < best.distance) best = {face, t};
}

/// Finds the first face that the ray p + t d, from < t < reach, meets on that side; with `any`, one of those
/// that it meets.
RELIEVO_BODY RayHit cast_ray(const TreeView& tree, const float* p, const float* d, Facing facing, float from,
                             float reach, bool any) {
  constexpr int32_t kDepth = 64;
  RayHit best{-1, reach};
  int32_t waiting[kDepth], count = 1;
  waiting[0] = 0;
  while (count > 0) {
    const TreeNode& node = tree.nodes[waiting[--count]];
    if (entry_into_box(node, p, d, best.distance) < 0) continue;
    for (int32_t i = node.first; i < node.first + node.count; ++i) {
      meet_face(tree, tree.order[i], p, d, facing, from, best);
      if (any && best.face >= 0) return best;
    }
    if (node.count > 0 || count + 2 > kDepth) continue;
    const float left = entry_into_box(tree.nodes[node.first], p, d, best.distance);
    const float right = entry_into_box(tree.nodes[node.first + 1], p, d, best.distance);
    // The child that is entered first is pushed last, so that it comes off the stack first.
    const bool left_first = right < 0 || (left >= 0 && left <= right);
    waiting[count++] = left_first ? node.first + 1 : node.first;
    waiting[count++] = left_first ? node.first : node.first + 1;
  }
  return best;
}

/// Asks how much of the sky points of a surface see.
struct SkySearch {
  TreeView tree;
  const float* points = nullptr;   ///< [count, 3]
  const float* normals = nullptr;  ///< [count, 3] unit
  int32_t rays = 0;                ///< a point
  float from = 0;                  ///< distance from which a face hides the sky: none of its own
  float reach = 0;                 ///< distance up to which one does
  float* result = nullptr;         ///< [count] the share 0..1 that is open, written
};

/// One index is one point. Rays leave with the density of the cosine to the normal (Malley's method) along a
/// spiral of golden angles, which each point turns by an angle of its own. So the mean is the ambient
/// occlusion of a white sky (Zhukov, Iones and Kronin 1998). Faces seen from behind hide nothing: so rays
/// that leave a coarse face below its own plane, for its normals are smooth, do no harm.
RELIEVO_BODY void find_sky_at(const SkySearch& s, int64_t index) {
  const float* p = s.points + 3 * index;
  const float* n = s.normals + 3 * index;
  // A frame around the normal (Duff et al. 2017, "Building an Orthonormal Basis, Revisited").
  const float sign = n[2] < 0 ? -1.0f : 1.0f;
  const float a = -1 / (sign + n[2]), b = n[0] * n[1] * a;
  const float u[3] = {1 + sign * n[0] * n[0] * a, sign * b, -sign * n[0]};
  const float v[3] = {b, sign + n[1] * n[1] * a, -n[1]};
  const uint32_t hash = (static_cast<uint32_t>(index) ^ 0x9e3779b9u) * 0x85ebca6bu;
  const float turn = static_cast<float>((hash ^ hash >> 15) & 0xffffu) * (6.2831853f / 65536);
  int32_t open = 0;
  for (int32_t ray = 0; ray < s.rays; ++ray) {
    const float squared = (static_cast<float>(ray) + 0.5f) / static_cast<float>(s.rays);
    const float radius = sqrtf(squared), up = sqrtf(1 - squared);
    const float angle = turn + 2.3999632f * static_cast<float>(ray);
    const float x = radius * cosf(angle), y = radius * sinf(angle);
    float d[3];
    for (int32_t axis = 0; axis < 3; ++axis) d[axis] = x * u[axis] + y * v[axis] + up * n[axis];
    open += cast_ray(s.tree, p, d, Facing::kFront, s.from, s.reach, true).face < 0;
  }
  s.result[index] = static_cast<float>(open) / static_cast<float>(s.rays);
}

/// On the processor alone.
void find_sky_cpu(const SkySearch& search, int64_t count);

}  // namespace relievo::kernels

// A bounding volume hierarchy over triangles, and the search in it for a detailed surface near points of
// another one.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/body.h"

namespace relievo::kernels {

struct TreeNode {
  float low[3], high[3];
  /// A leaf's first face in `order`; for an inner node its left child, and the right child is the next
  /// node.
  int32_t first = 0;
  int32_t count = 0;  ///< faces of a leaf; 0 for an inner node
};

/// Searches the detailed surface from points of a simplified one.
struct DetailSearch {
  const TreeNode* nodes = nullptr;
  const int32_t* order = nullptr;   ///< faces by leaf
  const int32_t* faces = nullptr;   ///< [F, 3] of the detailed surface
  const float* vertices = nullptr;  ///< [V, 3]
  const float* normals = nullptr;   ///< [V, 3] its unit normals

  const float* points = nullptr;      ///< [count, 3]
  const float* directions = nullptr;  ///< [count, 3] unit normals there
  float reach = 0;                    ///< distance within which it looks
  float* result = nullptr;            ///< [count, 3] unit normal of the detailed surface, written

  // Null where only normals are wanted.
  int32_t* found = nullptr;  ///< [count] the face that was found, written; -1 where there is none
  float* weights = nullptr;  ///< [count, 2] the place on it: weights of its second and third corner, written
};

RELIEVO_BODY float dot3(const float* a, const float* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

RELIEVO_BODY void cross3(const float* a, const float* b, float* result) {
  result[0] = a[1] * b[2] - a[2] * b[1];
  result[1] = a[2] * b[0] - a[0] * b[2];
  result[2] = a[0] * b[1] - a[1] * b[0];
}

/// Returns whether the line p + t d meets the box for some |t| <= reach.
RELIEVO_BODY bool line_meets_box(const TreeNode& node, const float* p, const float* d, float reach) {
  float first = -reach, last = reach;
  for (int32_t axis = 0; axis < 3; ++axis) {
    if (d[axis] == 0) {
      if (p[axis] < node.low[axis] || p[axis] > node.high[axis]) return false;
      continue;
    }
    const float a = (node.low[axis] - p[axis]) / d[axis], b = (node.high[axis] - p[axis]) / d[axis];
    first = fmaxf(first, fminf(a, b));
    last = fminf(last, fmaxf(a, b));
  }
  return first <= last;
}

RELIEVO_BODY float squared_distance_to_box(const TreeNode& node, const float* p) {
  float sum = 0;
  for (int32_t axis = 0; axis < 3; ++axis) {
    const float d = fmaxf(fmaxf(node.low[axis] - p[axis], p[axis] - node.high[axis]), 0.0f);
    sum += d * d;
  }
  return sum;
}

/// The state of a search: the nearest face so far and the weights of its second and third corner.
struct Nearest {
  int32_t face = -1;
  /// The distance that another face must beat: along the line for lines, squared for points.
  float distance = 0;
  float w1 = 0, w2 = 0;
};

/// Computes the vectors from a face's first corner to its second, its third, and to p.
RELIEVO_BODY void sides_of(const DetailSearch& s, int32_t face, const float* p, float* e1, float* e2,
                           float* from) {
  const int32_t* corner = s.faces + static_cast<int64_t>(face) * 3;
  const float* a = s.vertices + static_cast<int64_t>(corner[0]) * 3;
  const float* b = s.vertices + static_cast<int64_t>(corner[1]) * 3;
  const float* c = s.vertices + static_cast<int64_t>(corner[2]) * 3;
  for (int axis = 0; axis < 3; ++axis) {
    e1[axis] = b[axis] - a[axis];
    e2[axis] = c[axis] - a[axis];
    from[axis] = p[axis] - a[axis];
  }
}

/// Intersects the line with a face that looks the same way (Moeller and Trumbore 1997).
RELIEVO_BODY void try_line(const DetailSearch& s, int32_t face, const float* p, const float* d,
                           Nearest& best) {
  float e1[3], e2[3], from[3];
  sides_of(s, face, p, e1, e2, from);
  float normal[3], q[3];
  cross3(e1, e2, normal);
  const float facing = dot3(normal, d);
  if (!(facing > 0)) return;
  const float t = -dot3(normal, from) / facing;
  if (fabsf(t) >= best.distance) return;
  cross3(from, d, q);
  const float w1 = -dot3(e2, q) / facing, w2 = dot3(e1, q) / facing;
  if (w1 < -1e-5f || w2 < -1e-5f || w1 + w2 > 1 + 1e-5f) return;
  best = {face, fabsf(t), w1, w2};
}

/// Finds the face's point nearest to p (Ericson, Real-Time Collision Detection, 5.1.5).
RELIEVO_BODY void try_point(const DetailSearch& s, int32_t face, const float* p, const float* d,
                            Nearest& best) {
  float e1[3], e2[3], from[3];
  sides_of(s, face, p, e1, e2, from);
  float normal[3];
  cross3(e1, e2, normal);
  if (!(dot3(normal, d) > 0)) return;
  const float d1 = dot3(e1, from), d2 = dot3(e2, from);
  const float e11 = dot3(e1, e1), e12 = dot3(e1, e2), e22 = dot3(e2, e2);
  const float d3 = d1 - e11, d4 = d2 - e12, d5 = d1 - e12, d6 = d2 - e22;
  const float va = d3 * d6 - d5 * d4, vb = d5 * d2 - d1 * d6, vc = d1 * d4 - d3 * d2;
  float w1 = 0, w2 = 0;
  if (d1 <= 0 && d2 <= 0) {
  } else if (d3 >= 0 && d4 <= d3) {
    w1 = 1;
  } else if (d6 >= 0 && d5 <= d6) {
    w2 = 1;
  } else if (vc <= 0 && d1 >= 0 && d3 <= 0) {
    w1 = d1 / (d1 - d3);
  } else if (vb <= 0 && d2 >= 0 && d6 <= 0) {
    w2 = d2 / (d2 - d6);
  } else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
    w2 = (d4 - d3) / ((d4 - d3) + (d5 - d6));
    w1 = 1 - w2;
  } else {
    const float sum = va + vb + vc;
    if (!(sum > 0)) return;
    w1 = vb / sum;
    w2 = vc / sum;
  }
  float squared = 0;
  for (int32_t axis = 0; axis < 3; ++axis) {
    const float off = w1 * e1[axis] + w2 * e2[axis] - from[axis];
    squared += off * off;
  }
  if (squared < best.distance) best = {face, squared, w1, w2};
}

/// One index is one point. The detailed surface is looked for along the normal in both directions, and the
/// nearest crossing counts. Where there is none within reach, the nearest point of the surface is taken;
/// where that is out of reach as well, the result is the point's own normal. Faces that look away do not
/// count.
RELIEVO_BODY void find_detail_at(const DetailSearch& s, int64_t index) {
  constexpr int32_t kDepth = 64;
  const float* p = s.points + 3 * index;
  const float* d = s.directions + 3 * index;
  Nearest best;
  for (int32_t pass = 0; pass < 2 && best.face < 0; ++pass) {
    const bool along_line = pass == 0;
    best.distance = along_line ? s.reach : s.reach * s.reach;
    int32_t waiting[kDepth], count = 1;
    waiting[0] = 0;
    while (count > 0) {
      const TreeNode& node = s.nodes[waiting[--count]];
      const bool is_near = along_line ? line_meets_box(node, p, d, best.distance)
                                      : squared_distance_to_box(node, p) < best.distance;
      if (!is_near) continue;
      for (int32_t i = node.first; i < node.first + node.count; ++i) {
        along_line ? try_line(s, s.order[i], p, d, best) : try_point(s, s.order[i], p, d, best);
      }
      if (node.count > 0 || count + 2 > kDepth) continue;
      // The nearer child is pushed last, so that it comes off the stack first.
      const bool left_first = squared_distance_to_box(s.nodes[node.first], p) <=
                              squared_distance_to_box(s.nodes[node.first + 1], p);
      waiting[count++] = left_first ? node.first + 1 : node.first;
      waiting[count++] = left_first ? node.first : node.first + 1;
    }
  }
  if (s.found) {
    s.found[index] = best.face;
    s.weights[2 * index] = best.w1;
    s.weights[2 * index + 1] = best.w2;
  }
  float normal[3] = {d[0], d[1], d[2]};
  if (best.face >= 0) {
    const int32_t* corner = s.faces + static_cast<int64_t>(best.face) * 3;
    for (int32_t axis = 0; axis < 3; ++axis) {
      normal[axis] = (1 - best.w1 - best.w2) * s.normals[static_cast<int64_t>(corner[0]) * 3 + axis] +
                     best.w1 * s.normals[static_cast<int64_t>(corner[1]) * 3 + axis] +
                     best.w2 * s.normals[static_cast<int64_t>(corner[2]) * 3 + axis];
    }
  }
  const float length = sqrtf(dot3(normal, normal));
  for (int32_t axis = 0; axis < 3; ++axis)
    s.result[3 * index + axis] = length > 0 ? normal[axis] / length : d[axis];
}

struct MeshTree {
  std::vector<TreeNode> nodes;
  std::vector<int32_t> order;
};

/// Divides `count` faces `[count, 3]` at the median along the longest side of their box, down to leaves of at
/// most 4 faces and a depth of at most 31. Without faces there is no node at all.
MeshTree build_tree(const float* vertices, const int32_t* faces, int64_t count);

void find_detail_cpu(const DetailSearch& search, int64_t count);
/// Reads device memory; `stream` is a cudaStream_t. Returns without waiting. Only builds with CUDA
/// (RELIEVO_CUDA) have it.
void find_detail_cuda(const DetailSearch& search, int64_t count, void* stream);

}  // namespace relievo::kernels

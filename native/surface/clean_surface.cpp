#include "surface/clean_surface.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/vectors.h"
#include "surface/disjoint_sets.h"
#include "surface/flip_slivers.h"
#include "surface/make_manifold.h"
#include "surface/sides.h"
#include "surface/turn_outward.h"
#include "surface/weld.h"

namespace relievo {
namespace {

/// A face that is no higher than this share of the surface's extent counts as a line: float32 can tell no
/// more.
constexpr double kSmallestHeight = 4 * std::numeric_limits<float>::epsilon();

void check_finite(const Surface& surface) {
  for (const Float3& v : surface.vertices) {
    if (!std::isfinite(v[0]) || !std::isfinite(v[1]) || !std::isfinite(v[2])) {
      throw Error(ErrorCode::kInternal, "The surface has coordinates that are not finite.",
                  "The model's weights may be damaged: verify its files.");
    }
  }
}

void require_faces(const Surface& surface) {
  if (!surface.faces.empty()) return;
  throw Error(ErrorCode::kEmptySurface, "No face is left of the surface.",
              "Try another picture, another mask or another seed.");
}

/// Joins the ends of sides without length and drops the faces that vanish with them. A closed surface stays
/// closed, because the face across such a side vanishes too.
void drop_degenerate(Surface& surface) {
  DisjointSets same(surface.vertices.size());
  for (const Int3& face : surface.faces) {
    for (int k = 0; k < 3; ++k) {
      const int32_t a = face[k], b = face[(k + 1) % 3];
      if (surface.vertices[a] == surface.vertices[b]) same.join(a, b);
    }
  }
  for (Int3& face : surface.faces) {
    for (int32_t& v : face) v = same.root(v);
  }
  std::erase_if(surface.faces, [](const Int3& f) { return f[0] == f[1] || f[1] == f[2] || f[2] == f[0]; });
}

double extent_of(const Surface& surface) {
  double extent = 0;
  for (int axis = 0; axis < 3; ++axis) {
    double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();
    for (const Int3& face : surface.faces) {
      for (const int32_t v : face) {
        low = std::min<double>(low, surface.vertices[v][axis]);
        high = std::max<double>(high, surface.vertices[v][axis]);
      }
    }
    extent = std::max(extent, high - low);
  }
  return extent;
}

/// Returns whether a face and another lie back to back and make a component by themselves.
bool is_flap(const Neighbours& neighbours, size_t face) {
  const int32_t* across = &neighbours[3 * face];
  return across[0] >= 0 && across[0] / 3 == across[1] / 3 && across[1] / 3 == across[2] / 3;
}

/// Drops flaps, and components with less than a share of the whole area, but never the largest.
void remove_debris(Surface& surface, const Neighbours& neighbours, const Components& components,
                   double smallest_share, Debris* debris) {
  std::vector<double> areas(components.count, 0.0);
  std::vector<bool> has_extent(components.count, false);
  double whole = 0;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    const double area = length(area_normal_in_double(surface, surface.faces[f])) / 2;
    areas[components.of_face[f]] += area;
    has_extent[components.of_face[f]] = has_extent[components.of_face[f]] || !is_flap(neighbours, f);
    whole += area;
  }
  const double smallest = std::min(std::max(smallest_share, 0.0) * whole, std::ranges::max(areas));
  if (debris != nullptr) {
    *debris = {.surface = {.vertices = surface.vertices, .faces = {}}};
    for (int32_t component = 0; component < components.count; ++component) {
      if (!has_extent[component]) continue;
      ++debris->components;
      debris->dropped += areas[component] < smallest ? 1 : 0;
    }
  }
  size_t kept = 0;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    if (is_flap(neighbours, f)) continue;
    if (areas[components.of_face[f]] >= smallest) {
      surface.faces[kept++] = surface.faces[f];
    } else if (debris != nullptr) {
      debris->surface.faces.push_back(surface.faces[f]);
    }
  }
  surface.faces.resize(kept);
}

void drop_unused_vertices(Surface& surface) {
  std::vector<int32_t> number(surface.vertices.size(), -1);
  for (const Int3& face : surface.faces) {
    for (const int32_t v : face) number[v] = 0;
  }
  int32_t used = 0;
  for (size_t v = 0; v < number.size(); ++v) {
    if (number[v] < 0) continue;
    surface.vertices[used] = surface.vertices[v];
    number[v] = used++;
  }
  surface.vertices.resize(used);
  for (Int3& face : surface.faces) {
    for (int32_t& v : face) v = number[v];
  }
}

}  // namespace

Surface clean_surface(const Surface& surface, const CleanSettings& settings, const Control& control,
                      Debris* debris) {
  check_finite(surface);
  check_indices(surface);
  control.step(0);
  Surface cleaned = surface;
  drop_degenerate(cleaned);
  const double smallest = kSmallestHeight * extent_of(cleaned);
  Neighbours neighbours = make_manifold(cleaned);
  control.step(0.4);
  turn_together(cleaned, neighbours);
  // A flip may leave faces that share an edge with two others; mending that cuts faces, which may leave a
  // line again.
  constexpr int kMostRounds = 4;
  for (int round = 0; round < kMostRounds && flip_slivers(cleaned, neighbours, smallest); ++round) {
    neighbours = make_manifold(cleaned);
    control.cancel.check();
  }
  control.step(0.7);
  require_faces(cleaned);
  const Components components = components_of(cleaned, neighbours);
  turn_outward(cleaned, neighbours, components);
  remove_debris(cleaned, neighbours, components, settings.smallest_share, debris);
  require_faces(cleaned);
  drop_unused_vertices(cleaned);
  if (debris != nullptr) drop_unused_vertices(debris->surface);
  move_twins_apart(cleaned);
  control.step(1);
  return cleaned;
}

}  // namespace relievo

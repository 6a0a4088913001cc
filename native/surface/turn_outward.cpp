#include "surface/turn_outward.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/vectors.h"
#include "surface/sides.h"

namespace relievo {
namespace {

/// Calls `done(faces, is_turned)` for each component: its faces, and for each face of the surface whether it
/// looks another way than the component's first.
template <typename Done>
void visit_components(const Surface& surface, const Neighbours& neighbours, const Done& done) {
  const auto count = static_cast<int32_t>(surface.faces.size());
  std::vector<int8_t> turned(count, -1);
  std::vector<int32_t> component;
  for (int32_t seed = 0; seed < count; ++seed) {
    if (turned[seed] >= 0) continue;
    turned[seed] = 0;
    component.assign(1, seed);
    for (size_t i = 0; i < component.size(); ++i) {
      for (int32_t side = 3 * component[i]; side < 3 * component[i] + 3; ++side) {
        const int32_t across = neighbours[side];
        if (across < 0 || turned[across / 3] >= 0) continue;
        const bool differs = vertex_at(surface, side) == vertex_at(surface, across);
        turned[across / 3] = static_cast<int8_t>(turned[component[i]] ^ static_cast<int>(differs));
        component.push_back(across / 3);
      }
    }
    done(component, turned);
  }
}

double volume_of(const Surface& surface, const Int3& f) {
  const Float3 zero{};
  return dot(minus_in_double(surface.vertices[f[0]], zero),
             cross(minus_in_double(surface.vertices[f[1]], zero),
                   minus_in_double(surface.vertices[f[2]], zero))) /
         6;
}

/// A place on a component, from which a ray goes up.
struct Probe {
  int32_t component = 0;
  Double3 place{};
};

/// Returns on which side of the edge's line, seen from above, the place lies; both faces of an edge get the
/// same answer, even for a place on the line.
bool is_left(const Surface& surface, int32_t from, int32_t to, const Double3& place) {
  const bool is_down = from > to;
  const Float3 &a = surface.vertices[is_down ? to : from], &b = surface.vertices[is_down ? from : to];
  const double side = (double{b[0]} - a[0]) * (place[1] - a[1]) - (double{b[1]} - a[1]) * (place[0] - a[0]);
  return (side > 0) != is_down;
}

bool is_above(const Surface& surface, const Int3& f, const Double3& place) {
  const bool left = is_left(surface, f[0], f[1], place);
  if (is_left(surface, f[1], f[2], place) != left || is_left(surface, f[2], f[0], place) != left)
    return false;
  const Float3& a = surface.vertices[f[0]];
  const Double3 normal =
      cross(minus_in_double(surface.vertices[f[1]], a), minus_in_double(surface.vertices[f[2]], a));
  const double height = a[2] - (normal[0] * (place[0] - a[0]) + normal[1] * (place[1] - a[1])) / normal[2];
  return height > place[2];
}

/// Counts for each probe in how many other components it lies: those that its ray leaves more often than it
/// enters. Only closed components count.
std::vector<int> depths_of(std::vector<Probe>& probes, const Surface& surface, const Components& components,
                           const std::vector<bool>& is_closed) {
  std::ranges::sort(probes, {}, [](const Probe& p) { return p.place[0]; });
  std::vector<std::pair<int32_t, int32_t>> hits;  // probe, component
  for (size_t face = 0; face < surface.faces.size(); ++face) {
    const int32_t component = components.of_face[face];
    if (!is_closed[component]) continue;
    const Int3& f = surface.faces[face];
    const auto [low, high] =
        std::minmax({surface.vertices[f[0]][0], surface.vertices[f[1]][0], surface.vertices[f[2]][0]});
    auto probe = std::ranges::lower_bound(probes, double{low}, {}, [](const Probe& p) { return p.place[0]; });
    for (; probe != probes.end() && probe->place[0] <= high; ++probe) {
      if (probe->component != component && is_above(surface, f, probe->place))
        hits.emplace_back(static_cast<int32_t>(probe - probes.begin()), component);
    }
  }
  std::ranges::sort(hits);
  std::vector<int> depths(probes.size(), 0);
  for (size_t first = 0, last = 0; first < hits.size(); first = last) {
    while (last < hits.size() && hits[last] == hits[first]) ++last;
    depths[hits[first].first] += static_cast<int>((last - first) % 2);
  }
  return depths;
}

}  // namespace

Components components_of(const Surface& surface, const Neighbours& neighbours) {
  Components components;
  components.of_face.resize(surface.faces.size());
  visit_components(surface, neighbours, [&](const std::vector<int32_t>& component, const auto&) {
    for (const int32_t face : component) components.of_face[face] = components.count;
    ++components.count;
  });
  return components;
}

void turn_together(Surface& surface, const Neighbours& neighbours) {
  std::vector<int32_t> to_turn;
  visit_components(surface, neighbours, [&](const std::vector<int32_t>& component, const auto& turned) {
    const auto others = std::ranges::count_if(component, [&](int32_t face) { return turned[face] == 1; });
    const int wrong = 2 * others > std::ssize(component) ? 0 : 1;
    std::ranges::copy_if(component, std::back_inserter(to_turn),
                         [&](int32_t face) { return turned[face] == wrong; });
  });
  for (const int32_t face : to_turn) std::swap(surface.faces[face][1], surface.faces[face][2]);
}

void turn_outward(Surface& surface, const Neighbours& neighbours, const Components& components) {
  std::vector<double> volumes(components.count, 0.0);
  std::vector<bool> is_closed(components.count, true);
  double volume = 0;
  for (size_t face = 0; face < surface.faces.size(); ++face) {
    const double part = volume_of(surface, surface.faces[face]);
    volume += part;
    volumes[components.of_face[face]] += part;
    for (size_t side = 3 * face; side < 3 * face + 3; ++side) {
      if (neighbours[side] < 0) is_closed[components.of_face[face]] = false;
    }
  }
  std::vector<bool> is_turned(components.count, volume < 0);
  std::vector<Probe> probes;
  std::vector<bool> has_probe(components.count);
  for (size_t face = 0; face < surface.faces.size(); ++face) {
    const int32_t component = components.of_face[face];
    if (has_probe[component] || !is_closed[component] || (volumes[component] < 0) == is_turned[component])
      continue;
    has_probe[component] = true;
    // The probe's place in the face is not a middle or on a diagonal, where regular meshes have their edges.
    constexpr std::array<double, 3> kShares{0.4142, 0.3183, 0.2675};
    Probe probe{component, {}};
    for (int k = 0; k < 3; ++k) {
      for (int axis = 0; axis < 3; ++axis)
        probe.place[axis] += kShares[k] * surface.vertices[surface.faces[face][k]][axis];
    }
    probes.push_back(probe);
  }
  if (!probes.empty()) {
    const std::vector<int> depths = depths_of(probes, surface, components, is_closed);
    for (size_t p = 0; p < probes.size(); ++p) {
      if (depths[p] % 2 == 0) is_turned[probes[p].component] = !is_turned[probes[p].component];
    }
  }
  for (size_t face = 0; face < surface.faces.size(); ++face) {
    if (is_turned[components.of_face[face]]) std::swap(surface.faces[face][1], surface.faces[face][2]);
  }
}

}  // namespace relievo

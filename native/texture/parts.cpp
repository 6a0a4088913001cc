#include "texture/parts.h"

#include <algorithm>
#include <array>
#include <queue>

#include "base/vectors.h"

namespace relievo {
namespace {

Float3 middle_of(const Surface& surface, const Int3& face) {
  Float3 sum{0, 0, 0};
  for (const int32_t v : face) {
    for (int axis = 0; axis < 3; ++axis) sum[axis] += surface.vertices[v][axis] / 3;
  }
  return sum;
}

/// Finds the components: lists of faces that are connected over edges.
std::vector<std::vector<int32_t>> components_of(const std::vector<Int3>& neighbours) {
  std::vector<bool> seen(neighbours.size(), false);
  std::vector<std::vector<int32_t>> components;
  for (size_t seed = 0; seed < neighbours.size(); ++seed) {
    if (seen[seed]) continue;
    seen[seed] = true;
    std::vector<int32_t>& component = components.emplace_back(1, static_cast<int32_t>(seed));
    for (size_t next = 0; next < component.size(); ++next) {
      for (const int32_t n : neighbours[component[next]]) {
        if (n < 0 || seen[n]) continue;
        seen[n] = true;
        component.push_back(n);
      }
    }
  }
  return components;
}

/// Voronoi cells that grow as seeds are added.
class Cells {
 public:
  Cells(const Surface& surface, const std::vector<Int3>& neighbours)
      : neighbours_(neighbours),
        middles_(surface.faces.size()),
        distance_(surface.faces.size(), kFar),
        cell_(surface.faces.size(), -1) {
    for (size_t f = 0; f < middles_.size(); ++f) middles_[f] = middle_of(surface, surface.faces[f]);
  }

  /// Gives `seed` a cell of its own: every face that is nearer to it than to all seeds before.
  void add(int32_t seed, int32_t number) {
    using Reached = std::pair<float, int32_t>;
    std::priority_queue<Reached, std::vector<Reached>, std::greater<>> front;
    const auto reach = [&](int32_t face, float distance) {
      if (distance >= distance_[face]) return;
      distance_[face] = distance;
      cell_[face] = number;
      front.emplace(distance, face);
    };
    reach(seed, 0);
    while (!front.empty()) {
      const auto [distance, face] = front.top();
      front.pop();
      if (distance > distance_[face]) continue;
      for (const int32_t n : neighbours_[face]) {
        // A little is added for each step, so that faces without a size have different distances too.
        if (n >= 0) reach(n, distance + length(minus(middles_[n], middles_[face])) + 1e-6f);
      }
    }
  }

  float distance(int32_t face) const { return distance_[face]; }
  int32_t cell(int32_t face) const { return cell_[face]; }

 private:
  static constexpr float kFar = 1e30f;

  const std::vector<Int3>& neighbours_;
  std::vector<Float3> middles_;
  std::vector<float> distance_;
  std::vector<int32_t> cell_;
};

}  // namespace

std::vector<Int3> neighbours_of(const std::vector<Int3>& faces) {
  struct Edge {
    int32_t low, high;  // vertices
    int32_t face, corner;
  };
  std::vector<Edge> edges;
  edges.reserve(faces.size() * 3);
  for (int32_t f = 0; f < static_cast<int32_t>(faces.size()); ++f) {
    for (int32_t corner = 0; corner < 3; ++corner) {
      const auto [low, high] = std::minmax(faces[f][corner], faces[f][(corner + 1) % 3]);
      edges.push_back({low, high, f, corner});
    }
  }
  std::ranges::sort(edges, [](const Edge& a, const Edge& b) {
    return std::array{a.low, a.high, a.face} < std::array{b.low, b.high, b.face};
  });
  std::vector<Int3> neighbours(faces.size(), {-1, -1, -1});
  for (size_t first = 0, last = 0; first < edges.size(); first = last) {
    while (last < edges.size() && edges[last].low == edges[first].low &&
           edges[last].high == edges[first].high) {
      ++last;
    }
    if (last - first != 2) continue;
    const Edge &a = edges[first], &b = edges[first + 1];
    neighbours[a.face][a.corner] = b.face;
    neighbours[b.face][b.corner] = a.face;
  }
  return neighbours;
}

std::vector<std::vector<int32_t>> cut_into_parts(const Surface& surface, int target) {
  const std::vector<Int3> neighbours = neighbours_of(surface.faces);
  Cells cells(surface, neighbours);
  const auto most = static_cast<size_t>(std::max(target, 1));
  std::vector<std::vector<int32_t>> parts;
  std::vector<int32_t> small;  // components that share a part
  for (std::vector<int32_t>& component : components_of(neighbours)) {
    if (component.size() <= most) {
      if (small.size() + component.size() > most) parts.push_back(std::exchange(small, {}));
      small.insert(small.end(), component.begin(), component.end());
      continue;
    }
    const size_t count = (component.size() + most - 1) / most;
    int32_t seed = component.front();
    for (size_t i = 0; i < count; ++i) {
      cells.add(seed, static_cast<int32_t>(i));
      seed = *std::ranges::max_element(component, {}, [&](int32_t f) { return cells.distance(f); });
    }
    const size_t first = parts.size();
    parts.resize(first + count);
    for (const int32_t f : component) parts[first + cells.cell(f)].push_back(f);
  }
  if (!small.empty()) parts.push_back(std::move(small));
  std::erase_if(parts, [](const std::vector<int32_t>& part) { return part.empty(); });
  return parts;
}

}  // namespace relievo

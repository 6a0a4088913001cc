#include "finish/flat_base.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "finish/polygon.h"
#include "surface/surface.h"

namespace relievo {
namespace {

using Edge = std::pair<int32_t, int32_t>;

/// Cuts faces at a height that no vertex has, and gathers what is above.
class Upper {
 public:
  Upper(const Surface& from, float height) : from_(from), height_(height), own_(from.vertices.size(), -1) {}

  void add(const Int3& face) {
    std::vector<int32_t> kept;
    for (size_t c = 0; c < 3; ++c) {
      const int32_t here = face[c], there = face[(c + 1) % 3];
      if (is_above(here)) kept.push_back(own(here));
      if (is_above(here) != is_above(there)) kept.push_back(cut(here, there));
    }
    for (size_t c = 2; c < kept.size(); ++c) made_.faces.push_back({kept[0], kept[c - 1], kept[c]});
    // The edge that the cut makes runs from where the face goes down to where it comes up again.
    for (size_t c = 0; c < kept.size(); ++c) {
      const int32_t a = kept[c], b = kept[(c + 1) % kept.size()];
      if (is_cut(a) && is_cut(b)) after_[b] = a;
    }
  }

  Surface take() { return std::move(made_); }

  /// The loops of the cut, in the direction of the faces that close it.
  std::vector<std::vector<int32_t>> loops() {
    std::vector<std::vector<int32_t>> loops;
    while (!after_.empty()) {
      std::vector<int32_t>& loop = loops.emplace_back();
      for (auto next = after_.begin(); next != after_.end(); next = after_.find(loop.back())) {
        if (loop.empty()) loop.push_back(next->first);
        loop.push_back(next->second);
        after_.erase(next);
      }
      loop.pop_back();  // which is the first again
    }
    return loops;
  }

 private:
  bool is_above(int32_t vertex) const { return from_.vertices[vertex][2] > height_; }
  bool is_cut(int32_t vertex) const { return made_.vertices[vertex][2] == height_; }

  int32_t own(int32_t vertex) {
    if (own_[vertex] < 0) {
      own_[vertex] = static_cast<int32_t>(made_.vertices.size());
      made_.vertices.push_back(from_.vertices[vertex]);
    }
    return own_[vertex];
  }

  int32_t cut(int32_t a, int32_t b) {
    if (a > b) std::swap(a, b);
    const auto [known, is_new] = cuts_.emplace(Edge(a, b), static_cast<int32_t>(made_.vertices.size()));
    if (is_new) {
      const Float3 &low = from_.vertices[a], &high = from_.vertices[b];
      const float t = (height_ - low[2]) / (high[2] - low[2]);
      made_.vertices.push_back({std::lerp(low[0], high[0], t), std::lerp(low[1], high[1], t), height_});
    }
    return known->second;
  }

  const Surface& from_;
  float height_;
  std::vector<int32_t> own_;
  std::map<Edge, int32_t> cuts_;
  std::map<int32_t, int32_t> after_;  // of a cut's vertex, the next one of its loop
  Surface made_;
};

}  // namespace

Surface cut_flat(const Surface& given, float height, const CancelToken& cancel) {
  if (!inspect_surface(given).watertight) {
    throw Error(ErrorCode::kInvalidImage, "A mesh that is not closed has no body to cut a flat base into.",
                "Fill its holes first, or leave the flat base out.");
  }
  Surface surface = given;
  const auto [low, high] = std::ranges::minmax(surface.vertices, {}, [](const Float3& v) { return v[2]; });
  const float extent = high[2] - low[2], at = low[2] + height;
  if (!(height < extent)) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("A flat base of {:.4g} mm cuts off all of the mesh, which is {:.4g} mm high.",
                            1000 * height, 1000 * extent),
                "Cut off less.");
  }
  // No vertex lies in the plane, so that each loop of the cut is a simple one.
  for (Float3& v : surface.vertices) {
    if (std::abs(v[2] - at) <= 1e-5f * extent) v[2] = at + 2e-5f * extent;
  }
  Upper upper(surface, at);
  for (const Int3& face : surface.faces) upper.add(face);
  cancel.check();
  const std::vector<std::vector<int32_t>> loops = upper.loops();
  Surface made = upper.take();
  // The base looks down: seen from there, x runs to the left.
  std::vector<Double2> points(made.vertices.size());
  for (size_t i = 0; i < points.size(); ++i) points[i] = {-double{made.vertices[i][0]}, made.vertices[i][1]};
  const std::vector<Int3> base = triangulate(points, loops, cancel);
  made.faces.insert(made.faces.end(), base.begin(), base.end());
  return made;
}

}  // namespace relievo

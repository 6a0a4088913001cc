#include "surface/collapse_edges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <queue>
#include <span>
#include <vector>

#include "base/vectors.h"
#include "surface/places.h"
#include "surface/quadric.h"
#include "surface/sides.h"
#include "surface/weld.h"

namespace relievo {
namespace {

/// The weight of the pull towards the middle of the faces that a vertex stands for. It decides where a
/// surface is flat, and keeps faces of like size there.
constexpr double kEvenness = 3e-5;
constexpr double kBorderWeight = 10;
// The least cosine between a face's normals before and after a collapse.
constexpr double kMostTurn = 0.2;
// The cosine between neighbouring faces from which on they count as folded onto one another.
constexpr double kFold = -0.995;
// A face is a needle when twice its area is less than this share of the sum of its squared sides.
constexpr double kNeedle = 5e-3;

struct Candidate {
  float cost;
  int32_t from, to;
  uint32_t version;  // versions of both ends, summed
  // Puts the cheapest candidate on top of the heap.
  bool operator<(const Candidate& other) const { return cost > other.cost; }
};

class Collapser {
 public:
  explicit Collapser(const Surface& surface)
      : vertices_(surface.vertices),
        faces_(surface.faces),
        count_(std::ssize(surface.faces)),
        is_gone_(faces_.size()),
        is_border_(vertices_.size()),
        version_(vertices_.size()),
        quadrics_(vertices_.size()),
        places_(vertices_, kNearestTwins * extent_of(vertices_)) {
    list_faces();
    for (int32_t v = 0; v < std::ssize(vertices_); ++v) {
      if (!faces_of(v).empty()) places_.insert(v, vertices_[v]);
    }
    for (const Int3& face : faces_) add_plane(face);
    for (const Side& side : sorted_sides(surface)) sides_.push_back(side);
    add_borders();
  }

  int64_t count() const { return count_; }

  /// Collapses until `target` faces are left or no edge can be collapsed.
  void run(int64_t target, const Control& control) {
    // A collapse that was refused may be allowed once its surroundings have changed.
    for (bool goes_on = true; goes_on && count_ > target;) {
      const bool is_whole_list = queue_.empty();
      if (is_whole_list) list_candidates();
      bool has_collapsed = false;
      for (int64_t tries = 0; !queue_.empty() && count_ > target; ++tries) {
        if (tries % 4096 == 0) control.cancel.check();
        const Candidate best = queue_.top();
        queue_.pop();
        if (best.version == version_[best.from] + version_[best.to] && is_alive(best.from) &&
            is_alive(best.to)) {
          has_collapsed = collapse(best.from, best.to) || has_collapsed;
        }
      }
      goes_on = has_collapsed || !is_whole_list;
    }
  }

  /// The surface as it is now, unused vertices included.
  Surface surface() const {
    Surface left{.vertices = vertices_, .faces = {}};
    left.faces.reserve(static_cast<size_t>(count_));
    for (size_t f = 0; f < faces_.size(); ++f) {
      if (!is_gone_[f]) left.faces.push_back(faces_[f]);
    }
    return left;
  }

 private:
  bool is_alive(int32_t vertex) const { return size_[vertex] > 0; }
  std::span<const int32_t> faces_of(int32_t vertex) const {
    return {&round_[begin_[vertex]], static_cast<size_t>(size_[vertex])};
  }
  Double3 in_double(int32_t vertex) const {
    return {vertices_[vertex][0], vertices_[vertex][1], vertices_[vertex][2]};
  }

  void list_faces() {
    begin_.assign(vertices_.size(), 0);
    size_.assign(vertices_.size(), 0);
    for (const Int3& face : faces_) {
      for (const int32_t v : face) ++size_[v];
    }
    int64_t begin = 0;
    for (size_t v = 0; v < vertices_.size(); ++v) {
      begin_[v] = begin;
      begin += size_[v];
    }
    round_.resize(static_cast<size_t>(begin) + 1);
    std::fill(size_.begin(), size_.end(), 0);
    for (int32_t f = 0; f < std::ssize(faces_); ++f) {
      for (const int32_t v : faces_[f]) round_[begin_[v] + size_[v]++] = f;
    }
  }

  Double3 normal_of(const Int3& face, int32_t moved = -1, int32_t other = -1, const Float3& to = {}) const {
    const auto at = [&](int32_t v) -> const Float3& { return v == moved || v == other ? to : vertices_[v]; };
    return cross(minus_in_double(at(face[1]), at(face[0])), minus_in_double(at(face[2]), at(face[0])));
  }

  void add_plane(const Int3& face) {
    const Double3 normal = normal_of(face);
    const double size = length(normal);
    if (size == 0) return;
    const Double3 middle =
        scaled(plus(plus(in_double(face[0]), in_double(face[1])), in_double(face[2])), 1.0 / 3);
    for (const int32_t v : face) {
      quadrics_[v].add_plane(scaled(normal, 1 / size), in_double(face[0]), size);
      quadrics_[v].add_point(middle, kEvenness * size);
    }
  }

  /// Adds planes that stand upright on the borders, which keep the borders where they are.
  void add_borders() {
    for (size_t first = 0, last = 0; first < sides_.size(); first = last) {
      while (last < sides_.size() && sides_[last].shares_edge_with(sides_[first])) ++last;
      if (last - first != 1) continue;
      const Side& side = sides_[first];
      is_border_[side.low] = is_border_[side.high] = true;
      const Double3 along = minus_in_double(vertices_[side.high], vertices_[side.low]);
      const Double3 across = cross(along, normal_of(faces_[side.corner / 3]));
      const double size = length(across);
      if (size == 0) continue;
      for (const int32_t v : {side.low, side.high}) {
        quadrics_[v].add_plane(scaled(across, 1 / size), in_double(side.low),
                               kBorderWeight * dot(along, along));
      }
    }
  }

  void list_candidates() {
    std::vector<Candidate> all;
    if (!sides_.empty()) {
      for (size_t s = 0; s < sides_.size(); ++s) {
        if (s > 0 && sides_[s].shares_edge_with(sides_[s - 1])) continue;
        all.push_back(candidate(sides_[s].low, sides_[s].high));
      }
      sides_ = {};
    } else {
      for (size_t f = 0; f < faces_.size(); ++f) {
        if (is_gone_[f]) continue;
        for (size_t k = 0; k < 3; ++k) {
          const int32_t a = faces_[f][k], b = faces_[f][(k + 1) % 3];
          if (a < b || is_border_[b]) all.push_back(candidate(a, b));
        }
      }
    }
    queue_ = std::priority_queue<Candidate>({}, std::move(all));
  }

  /// The place of the one vertex that two become.
  Float3 meeting_place(int32_t a, int32_t b, Quadric& both) const {
    both = quadrics_[a];
    both.add(quadrics_[b]);
    const Double3 from = in_double(a), to = in_double(b), middle = scaled(plus(from, to), 0.5);
    const double reach = 2 * length(minus_in_double(vertices_[a], vertices_[b]));
    const auto rounded = [](const Double3& p) {
      return Float3{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])};
    };
    if (const auto lowest = both.lowest()) {
      if (length(plus(*lowest, scaled(middle, -1))) <= reach) return rounded(*lowest);
    }
    const std::array<Double3, 3> places{from, to, middle};
    return rounded(*std::ranges::min_element(places, {}, [&](const Double3& p) { return both.at(p); }));
  }

  Candidate candidate(int32_t a, int32_t b) const {
    Quadric both;
    const Float3 place = meeting_place(a, b, both);
    return {.cost = static_cast<float>(std::max(both.at({place[0], place[1], place[2]}), 0.0)),
            .from = a,
            .to = b,
            .version = version_[a] + version_[b]};
  }

  void neighbours_of(int32_t vertex, std::vector<int32_t>& neighbours) const {
    neighbours.clear();
    for (const int32_t f : faces_of(vertex)) {
      for (const int32_t v : faces_[f]) {
        if (v != vertex) neighbours.push_back(v);
      }
    }
    std::ranges::sort(neighbours);
    neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
  }

  static bool names(const Int3& face, int32_t vertex) {
    return face[0] == vertex || face[1] == vertex || face[2] == vertex;
  }

  /// Returns whether the collapse leaves a surface of the same topology.
  bool keeps_topology(int32_t a, int32_t b) {
    int shared = 0;
    std::array<int32_t, 2> beside{-1, -1};
    for (const int32_t f : faces_of(a)) {
      if (!names(faces_[f], b)) continue;
      if (shared == 2) return false;
      for (const int32_t v : faces_[f]) {
        if (v != a && v != b) beside[static_cast<size_t>(shared)] = v;
      }
      ++shared;
    }
    if (shared == 0) return false;
    if (is_border_[a] && is_border_[b] && shared == 2) return false;  // the edge would join two borders
    neighbours_of(a, round_a_);
    neighbours_of(b, round_b_);
    int common = 0;
    for (size_t i = 0, j = 0; i < round_a_.size() && j < round_b_.size();) {
      if (round_a_[i] == round_b_[j]) {
        ++common;
        ++i, ++j;
      } else {
        round_a_[i] < round_b_[j] ? ++i : ++j;
      }
    }
    if (common != shared) return false;
    for (int k = 0; k < shared; ++k) {
      const int32_t v = beside[static_cast<size_t>(k)];
      // Else nothing would be left, or two faces on one another.
      if (size_[v] <= (is_border_[v] ? 1 : 3)) return false;
    }
    return true;
  }

  /// Computes the normals that the faces around both vertices would have; returns false where one turns over
  /// or becomes a needle.
  bool keeps_faces(int32_t a, int32_t b, const Float3& place) {
    moved_.clear();
    for (const auto& [self, other] : {std::array{a, b}, std::array{b, a}}) {
      for (const int32_t f : faces_of(self)) {
        const Int3& face = faces_[f];
        if (names(face, other)) continue;
        const Double3 before = normal_of(face), after = normal_of(face, self, other, place);
        const double was = length(before), is = length(after);
        if (!(is > 0)) return false;
        if (was > 0 && dot(before, after) < kMostTurn * was * is) return false;
        const double roundness = is / squared_sides(face, self, place);
        if (roundness < kNeedle && (was == 0 || roundness < was / squared_sides(face))) return false;
        moved_.push_back({f, self, scaled(after, 1 / is)});
      }
    }
    return true;
  }

  double squared_sides(const Int3& face, int32_t moved = -1, const Float3& to = {}) const {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) {
      const int32_t p = face[k], q = face[(k + 1) % 3];
      const Double3 along = minus_in_double(q == moved ? to : vertices_[q], p == moved ? to : vertices_[p]);
      sum += dot(along, along);
    }
    return sum;
  }

  /// Returns whether no two neighbours, of which at least one has moved, lie folded onto one another.
  bool stays_unfolded(int32_t a, int32_t b) const {
    const auto ends_of = [&](const Moved& moved) {
      const Int3& face = faces_[moved.face];
      const size_t k = face[0] == moved.vertex ? 0 : face[1] == moved.vertex ? 1 : 2;
      return std::array{face[(k + 1) % 3], face[(k + 2) % 3]};
    };
    for (size_t i = 0; i < moved_.size(); ++i) {
      const auto [first, last] = ends_of(moved_[i]);
      for (size_t j = 0; j < moved_.size(); ++j) {
        if (ends_of(moved_[j])[0] == last && dot(moved_[i].normal, moved_[j].normal) < kFold) return false;
      }
      for (const int32_t f : faces_of(first)) {
        const Int3& behind = faces_[f];
        if (f == moved_[i].face || !names(behind, last) || names(behind, a) || names(behind, b)) continue;
        const Double3 normal = normal_of(behind);
        const double size = length(normal);
        if (size > 0 && dot(normal, moved_[i].normal) < kFold * size) return false;
      }
    }
    return true;
  }

  bool collapse(int32_t a, int32_t b) {
    Quadric both;
    const Float3 place = meeting_place(a, b, both);
    if (!keeps_topology(a, b) || !keeps_faces(a, b, place) || !stays_unfolded(a, b) ||
        places_.has_near(place, a, b)) {
      return false;
    }
    places_.remove(a, vertices_[a]);
    places_.remove(b, vertices_[b]);
    // The faces around both vertices go, one after the other, to the end of the list.
    const auto begin = static_cast<int64_t>(round_.size());
    for (const int32_t vertex : {a, b}) {
      for (int32_t i = 0; i < size_[vertex]; ++i) {
        const int32_t f = round_[begin_[vertex] + i];
        if (is_gone_[f]) continue;
        Int3& face = faces_[f];
        if (names(face, a) && names(face, b)) {
          is_gone_[f] = true;
          --count_;
          for (const int32_t v : face) {
            if (v != a && v != b) forget_face(v, f);
          }
          continue;
        }
        for (int32_t& v : face) {
          if (v == b) v = a;
        }
        round_.push_back(f);
      }
    }
    begin_[a] = begin;
    size_[a] = static_cast<int32_t>(std::ssize(round_) - begin);
    size_[b] = 0;
    is_border_[a] = is_border_[a] || is_border_[b];
    vertices_[a] = place;
    quadrics_[a] = both;
    version_[a] += version_[b] + 1;
    places_.insert(a, place);
    neighbours_of(a, round_a_);
    for (const int32_t v : round_a_) queue_.push(candidate(a, v));
    return true;
  }

  void forget_face(int32_t vertex, int32_t face) {
    int32_t* const first = &round_[begin_[vertex]];
    int32_t* const last = first + size_[vertex];
    *std::find(first, last, face) = *(last - 1);
    --size_[vertex];
  }

  std::vector<Float3> vertices_;
  std::vector<Int3> faces_;
  int64_t count_;
  std::vector<bool> is_gone_, is_border_;
  std::vector<uint32_t> version_;
  std::vector<Quadric> quadrics_;
  Places places_;
  std::vector<Side> sides_;  // only until they have become candidates
  // The faces around vertex v are size_[v] entries of round_, from begin_[v] on.
  std::vector<int64_t> begin_;
  std::vector<int32_t> size_, round_;
  std::priority_queue<Candidate> queue_;
  // Buffers that are kept to save allocations.
  struct Moved {
    int32_t face, vertex;
    Double3 normal;
  };
  std::vector<Moved> moved_;
  std::vector<int32_t> round_a_, round_b_;
};

}  // namespace

Surface collapse_edges(const Surface& surface, int64_t target_faces, const Control& control,
                       const std::function<bool(const Surface&)>& shown) {
  Collapser collapser(surface);
  constexpr double kStep = 0.8;
  const auto whole = static_cast<double>(collapser.count() - target_faces);
  while (collapser.count() > target_faces) {
    const int64_t before = collapser.count();
    const auto next = std::max(target_faces, static_cast<int64_t>(kStep * static_cast<double>(before)));
    collapser.run(next, control);
    control.step(1 - static_cast<double>(collapser.count() - target_faces) / whole);
    if (collapser.count() == before) break;
    if (shown && !shown(collapser.surface())) break;
  }
  return collapser.surface();
}

}  // namespace relievo

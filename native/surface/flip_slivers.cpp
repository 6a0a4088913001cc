#include "surface/flip_slivers.h"

#include <array>
#include <cmath>
#include <queue>
#include <utility>
#include <vector>

#include "base/vectors.h"
#include "surface/sides.h"

namespace relievo {
namespace {

class Flipper {
 public:
  Flipper(Surface& surface, Neighbours& neighbours, double smallest)
      : surface_(surface), neighbours_(neighbours), smallest_(smallest), is_gone_(surface.faces.size()) {}

  bool run() {
    for (int32_t face = 0; face < std::ssize(surface_.faces); ++face) consider(face);
    if (waiting_.empty()) return false;
    // The longest slivers are flipped first, because a flip leaves shorter ones. The bound is for cases in
    // which rounding breaks that order.
    constexpr size_t kMostFlips = 16;
    for (size_t left = kMostFlips * (waiting_.size() + 1); left > 0 && !waiting_.empty(); --left) {
      const auto [length, face] = waiting_.top();
      waiting_.pop();
      int32_t side = 0;
      if (!is_gone_[face] && sliver_length(face, side) == length) remove(face, side);
    }
    drop_gone();
    return true;
  }

 private:
  void consider(int32_t face) {
    int32_t side = 0;
    const double length = sliver_length(face, side);
    if (length > 0) waiting_.emplace(length, face);
  }

  /// The length of the longest side, whose corner becomes `side`; 0 for a face that is no sliver.
  double sliver_length(int32_t face, int32_t& side) const {
    const Int3& f = surface_.faces[face];
    double longest = 0;
    for (int32_t k = 0; k < 3; ++k) {
      const Double3 along = minus_in_double(surface_.vertices[f[(k + 1) % 3]], surface_.vertices[f[k]]);
      if (dot(along, along) <= longest) continue;
      longest = dot(along, along);
      side = 3 * face + k;
    }
    const Double3 normal = cross(minus_in_double(surface_.vertices[f[1]], surface_.vertices[f[0]]),
                                 minus_in_double(surface_.vertices[f[2]], surface_.vertices[f[0]]));
    return dot(normal, normal) <= smallest_ * smallest_ * longest ? std::sqrt(longest) : 0;
  }

  void join(int32_t one, int32_t other) {
    if (one >= 0) neighbours_[one] = other;
    if (other >= 0) neighbours_[other] = one;
  }

  void remove(int32_t face, int32_t side) {
    const int32_t across = neighbours_[side];
    const int32_t bc = next_corner(side), ca = next_corner(bc);
    if (across < 0) {
      is_gone_[face] = true;
      join(neighbours_[bc], -1);
      join(neighbours_[ca], -1);
      return;
    }
    const int32_t ad = next_corner(across), db = next_corner(ad), other = across / 3;
    const int32_t a = vertex_at(surface_, side), b = vertex_at(surface_, bc), c = vertex_at(surface_, ca),
                  d = vertex_at(surface_, db);
    // Such a side cannot be told apart from a border.
    if (other == face || vertex_at(surface_, across) != b) return;
    const std::array<int32_t, 4> outer{neighbours_[bc], neighbours_[ca], neighbours_[ad], neighbours_[db]};
    if (c == d) {  // both faces lie on one another
      is_gone_[face] = is_gone_[other] = true;
      if (outer[0] != db) join(outer[0], outer[3]);
      if (outer[1] != ad) join(outer[1], outer[2]);
      return;
    }
    surface_.faces[face] = {a, d, c};
    surface_.faces[other] = {d, b, c};
    join(3 * face, outer[2]);
    join(3 * face + 1, 3 * other + 2);
    join(3 * face + 2, outer[1]);
    join(3 * other, outer[3]);
    join(3 * other + 1, outer[0]);
    consider(face);
    consider(other);
  }

  void drop_gone() {
    std::vector<int32_t> number(surface_.faces.size(), -1);
    int32_t kept = 0;
    for (size_t face = 0; face < number.size(); ++face) {
      if (!is_gone_[face]) number[face] = kept++;
    }
    for (size_t face = 0; face < number.size(); ++face) {
      if (number[face] < 0) continue;
      surface_.faces[number[face]] = surface_.faces[face];
      for (int32_t k = 0; k < 3; ++k) {
        const int32_t across = neighbours_[3 * face + k];
        neighbours_[3 * number[face] + k] = across < 0 ? -1 : 3 * number[across / 3] + across % 3;
      }
    }
    surface_.faces.resize(kept);
    neighbours_.resize(3 * static_cast<size_t>(kept));
  }

  Surface& surface_;
  Neighbours& neighbours_;
  double smallest_;
  std::vector<bool> is_gone_;
  std::priority_queue<std::pair<double, int32_t>> waiting_;
};

}  // namespace

bool flip_slivers(Surface& surface, Neighbours& neighbours, double smallest) {
  return Flipper(surface, neighbours, smallest).run();
}

}  // namespace relievo

#include "reconstruct/outline_distance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace relievo {
namespace {

using Nodes = std::array<int, 2>;  // column, row

float distance_to(const Segment& segment, Float2 point) {
  const float along_x = segment.end[0] - segment.begin[0], along_y = segment.end[1] - segment.begin[1];
  const float x = point[0] - segment.begin[0], y = point[1] - segment.begin[1];
  const float length = along_x * along_x + along_y * along_y;
  const float t = length > 0 ? std::clamp((x * along_x + y * along_y) / length, 0.0f, 1.0f) : 0.0f;
  return std::hypot(x - t * along_x, y - t * along_y);
}

/// The point where the outline crosses the edge between two nodes on different sides of it.
Float2 crossing_point(const PlaneGrid& level, Nodes inner, Nodes outer) {
  if (level.at(inner[0], inner[1]) <= 0) std::swap(inner, outer);
  const float t = crossing(level.at(inner[0], inner[1]), level.at(outer[0], outer[1]));
  return {std::lerp(level.position(inner[0]), level.position(outer[0]), t),
          std::lerp(level.position(inner[1]), level.position(outer[1]), t)};
}

/// The outline's segments in the square whose top left node is (i, j).
void trace_square(const PlaneGrid& level, int i, int j, std::vector<Segment>& segments) {
  const std::array<Nodes, 4> corners = {{{i, j}, {i + 1, j}, {i + 1, j + 1}, {i, j + 1}}};
  std::array<Float2, 4> crossings;
  size_t count = 0;
  float sum = 0;
  for (size_t k = 0; k < 4; ++k) {
    const Nodes a = corners[k], b = corners[(k + 1) % 4];
    sum += level.at(a[0], a[1]);
    if ((level.at(a[0], a[1]) > 0) != (level.at(b[0], b[1]) > 0))
      crossings[count++] = crossing_point(level, a, b);
  }
  if (count == 2) segments.push_back({crossings[0], crossings[1]});
  if (count == 4) {
    // At a saddle, the two corners that differ from the middle are cut off.
    const bool first_is_cut_off = (level.at(i, j) > 0) != (sum > 0);
    const size_t shift = first_is_cut_off ? 3 : 0;
    segments.push_back({crossings[shift], crossings[(shift + 1) % 4]});
    segments.push_back({crossings[(shift + 2) % 4], crossings[(shift + 3) % 4]});
  }
}

class NearestSegments {
 public:
  NearestSegments(const PlaneGrid& level, Outline& outline) : level_(level), outline_(outline) {
    outline_.nearest.assign(level.values.size(), -1);
    outline_.distance.assign(level.values.size(), std::numeric_limits<float>::max());
  }

  void offer(int segment, int i, int j) {
    const float distance = distance_to(outline_.segments[segment], {level_.position(i), level_.position(j)});
    const size_t node = static_cast<size_t>(j) * level_.side + i;
    if (distance >= outline_.distance[node]) return;
    outline_.distance[node] = distance;
    outline_.nearest[node] = segment;
  }

  /// Visits all nodes, in reading order or against it; each takes over the nearest segments that its
  /// neighbours know.
  void sweep(bool forward) {
    const int side = level_.side;
    for (int k = 0; k < side * side; ++k) {
      const int node = forward ? k : side * side - 1 - k;
      const int i = node % side, j = node / side;
      for (int row = std::max(j - 1, 0); row <= std::min(j + 1, side - 1); ++row) {
        for (int column = std::max(i - 1, 0); column <= std::min(i + 1, side - 1); ++column) {
          const int segment = outline_.nearest[static_cast<size_t>(row) * side + column];
          if (segment >= 0 && segment != outline_.nearest[node]) offer(segment, i, j);
        }
      }
    }
  }

 private:
  const PlaneGrid& level_;
  Outline& outline_;
};

}  // namespace

Outline trace_outline(const PlaneGrid& level) {
  Outline outline;
  std::vector<Nodes> squares;  // the square of each segment
  for (int j = 0; j + 1 < level.side; ++j) {
    for (int i = 0; i + 1 < level.side; ++i) {
      trace_square(level, i, j, outline.segments);
      squares.resize(outline.segments.size(), {i, j});
    }
  }
  if (outline.segments.empty()) return outline;

  NearestSegments nearest(level, outline);
  for (size_t s = 0; s < outline.segments.size(); ++s) {
    for (int corner = 0; corner < 4; ++corner) {
      nearest.offer(static_cast<int>(s), squares[s][0] + corner % 2, squares[s][1] + corner / 2);
    }
  }
  constexpr int kRounds = 2;
  for (int round = 0; round < kRounds; ++round) {
    nearest.sweep(true);
    nearest.sweep(false);
  }
  return outline;
}

}  // namespace relievo

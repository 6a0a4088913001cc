// The cheapest division of a grid's nodes into two sets: a minimum cut.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/control.h"

namespace relievo {

/// Finds the labels of a grid's nodes, each with its eight neighbours, of which the sum of costs is least:
/// what each node's label costs, and for each two neighbours of different labels what their link costs. By
/// the maximum flow of Boykov and Kolmogorov, "An Experimental Comparison of Min-Cut/Max-Flow Algorithms for
/// Energy Minimization in Vision" (PAMI 2004).
class GridCut {
 public:
  /// The directions in which links are set; the other four are theirs from the other side.
  enum Direction { kRight, kDown, kDownRight, kDownLeft };

  GridCut(int width, int height);

  /// The costs of the two labels; only their difference matters.
  void set_costs(int x, int y, float of_inside, float of_outside);
  /// The cost of different labels of a node and its neighbour; not below 0. A neighbour outside the grid has
  /// no link.
  void set_link(int x, int y, Direction direction, float cost);

  /// Throws Error{kCancelled}.
  void solve(const CancelToken& cancel);
  bool is_inside(int x, int y) const { return nodes_[index(x, y)].tree == Tree::kInside; }

 private:
  static constexpr int kDirections = 8;
  enum class Tree : uint8_t { kNone, kInside, kOutside };
  // A node's parent is a direction, or one of these.
  static constexpr int8_t kNoParent = -1, kTerminal = -2, kOrphan = -3;

  struct Node {
    std::array<float, kDirections> left{};  // what can still flow in each direction
    float terminal = 0;           // what can still flow from (above 0) or to (below 0) the terminals
    int32_t time = 0, depth = 0;  // when the depth below the terminal was last known, and the depth
    int8_t parent = kNoParent;
    Tree tree = Tree::kNone;
    bool is_active = false;
  };

  size_t index(int x, int y) const { return static_cast<size_t>(y + 1) * row_ + x + 1; }
  static int opposite(int direction) { return (direction + 4) % kDirections; }
  size_t neighbour(size_t node, int direction) const { return node + steps_[direction]; }
  /// What can flow along a link in the way of the tree: away from the inside's terminal, towards the other's.
  float flow_left(size_t node, int direction, Tree tree) const;
  void activate(size_t node);
  /// Lets the tree grow from the node; returns the direction in which it meets the other tree, or -1.
  int grow(size_t node);
  void augment(size_t node, int direction);
  void adopt(size_t orphan);
  /// Returns the depth of a node whose parents lead to its terminal; -1 where they do not.
  int depth_of(size_t node);
  void make_orphan(size_t node, bool is_first);

  int width_, height_, row_;
  std::array<std::ptrdiff_t, kDirections> steps_;
  std::vector<Node> nodes_;  // with a border of nodes that have no links
  std::deque<size_t> active_, orphans_;
  int32_t time_ = 0;
};

}  // namespace relievo

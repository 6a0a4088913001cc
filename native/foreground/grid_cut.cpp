#include "foreground/grid_cut.h"

#include <algorithm>
#include <limits>

namespace relievo {

GridCut::GridCut(int width, int height)
    : width_(width),
      height_(height),
      row_(width + 2),
      steps_{1, row_, row_ + 1, row_ - 1, -1, -row_, -row_ - 1, -row_ + 1},
      nodes_(static_cast<size_t>(row_) * (height + 2)) {}

void GridCut::set_costs(int x, int y, float of_inside, float of_outside) {
  nodes_[index(x, y)].terminal = of_outside - of_inside;
}

void GridCut::set_link(int x, int y, Direction direction, float cost) {
  const size_t node = index(x, y), other = neighbour(node, direction);
  const auto column = other % row_, row = other / row_;
  if (column == 0 || column == static_cast<size_t>(width_) + 1 || row == static_cast<size_t>(height_) + 1)
    return;
  nodes_[node].left[direction] = cost;
  nodes_[other].left[opposite(direction)] = cost;
}

float GridCut::flow_left(size_t node, int direction, Tree tree) const {
  return tree == Tree::kInside ? nodes_[node].left[direction]
                               : nodes_[neighbour(node, direction)].left[opposite(direction)];
}

void GridCut::activate(size_t node) {
  if (nodes_[node].is_active) return;
  nodes_[node].is_active = true;
  active_.push_back(node);
}

int GridCut::grow(size_t index) {
  Node& node = nodes_[index];
  for (int d = 0; d < kDirections; ++d) {
    if (flow_left(index, d, node.tree) <= 0) continue;
    const size_t place = neighbour(index, d);
    Node& other = nodes_[place];
    if (other.tree == Tree::kNone) {
      other.tree = node.tree;
      other.parent = static_cast<int8_t>(opposite(d));
      other.time = node.time;
      other.depth = node.depth + 1;
      activate(place);
    } else if (other.tree != node.tree) {
      return d;
    } else if (other.time <= node.time && other.depth > node.depth && other.parent >= 0) {
      // A shorter way to the terminal.
      other.parent = static_cast<int8_t>(opposite(d));
      other.time = node.time;
      other.depth = node.depth + 1;
    }
  }
  return -1;
}

void GridCut::make_orphan(size_t node, bool is_first) {
  nodes_[node].parent = kOrphan;
  is_first ? orphans_.push_front(node) : orphans_.push_back(node);
}

void GridCut::augment(size_t meeting, int direction) {
  // From the inside's tree to the outside's.
  size_t inner = meeting, outer = neighbour(meeting, direction);
  int way = direction;
  if (nodes_[meeting].tree == Tree::kOutside) {
    std::swap(inner, outer);
    way = opposite(direction);
  }
  float most = nodes_[inner].left[way];
  for (const size_t start : {inner, outer}) {
    size_t node = start;
    for (int up = nodes_[node].parent; up != kTerminal; up = nodes_[node].parent) {
      const size_t parent = neighbour(node, up);
      most = std::min(most, start == inner ? nodes_[parent].left[opposite(up)] : nodes_[node].left[up]);
      node = parent;
    }
    most = std::min(most, std::abs(nodes_[node].terminal));
  }
  nodes_[inner].left[way] -= most;
  nodes_[outer].left[opposite(way)] += most;
  for (const size_t start : {inner, outer}) {
    const bool is_inner = start == inner;
    size_t node = start;
    for (int up = nodes_[node].parent; up != kTerminal; up = nodes_[node].parent) {
      const size_t parent = neighbour(node, up);
      float& towards = nodes_[node].left[up];
      float& away = nodes_[parent].left[opposite(up)];
      towards += is_inner ? most : -most;
      away += is_inner ? -most : most;
      if ((is_inner ? away : towards) <= 0) make_orphan(node, true);
      node = parent;
    }
    nodes_[node].terminal += is_inner ? -most : most;
    if (is_inner ? nodes_[node].terminal <= 0 : nodes_[node].terminal >= 0) make_orphan(node, true);
  }
}

int GridCut::depth_of(size_t start) {
  int depth = 0;
  size_t node = start;
  while (true) {
    if (nodes_[node].time == time_) {
      depth += nodes_[node].depth;
      break;
    }
    const int8_t up = nodes_[node].parent;
    ++depth;
    if (up == kTerminal) {
      nodes_[node].time = time_;
      nodes_[node].depth = 1;
      break;
    }
    if (up < 0) return -1;
    node = neighbour(node, up);
  }
  // What was found is kept for all nodes on the way.
  int left = depth;
  for (node = start; nodes_[node].time != time_; node = neighbour(node, nodes_[node].parent)) {
    nodes_[node].time = time_;
    nodes_[node].depth = left--;
  }
  return depth;
}

void GridCut::adopt(size_t index) {
  Node& node = nodes_[index];
  int best = -1, least = std::numeric_limits<int>::max();
  for (int d = 0; d < kDirections; ++d) {
    const size_t place = neighbour(index, d);
    const Node& other = nodes_[place];
    // The flow comes from the parent, or goes to it.
    const float left = node.tree == Tree::kInside ? other.left[opposite(d)] : node.left[d];
    if (left <= 0 || other.tree != node.tree || other.parent == kNoParent) continue;
    const int depth = depth_of(place);
    if (depth >= 0 && depth < least) {
      best = d;
      least = depth;
    }
  }
  if (best >= 0) {
    node.parent = static_cast<int8_t>(best);
    node.time = time_;
    node.depth = least + 1;
    return;
  }
  const Tree tree = node.tree;
  for (int d = 0; d < kDirections; ++d) {
    const size_t place = neighbour(index, d);
    Node& other = nodes_[place];
    if (other.tree != tree || other.parent == kNoParent) continue;
    const float left = tree == Tree::kInside ? other.left[opposite(d)] : node.left[d];
    if (left > 0) activate(place);
    if (other.parent >= 0 && neighbour(place, other.parent) == index) make_orphan(place, false);
  }
  node.parent = kNoParent;
  node.tree = Tree::kNone;
}

void GridCut::solve(const CancelToken& cancel) {
  for (int y = 0; y < height_; ++y) {
    for (int x = 0; x < width_; ++x) {
      Node& node = nodes_[index(x, y)];
      if (node.terminal == 0) continue;
      node.tree = node.terminal > 0 ? Tree::kInside : Tree::kOutside;
      node.parent = kTerminal;
      node.depth = 1;
      activate(index(x, y));
    }
  }
  constexpr int kBetweenLooks = 1 << 12;
  int steps = 0;
  while (!active_.empty()) {
    if (++steps % kBetweenLooks == 0) cancel.check();
    const size_t node = active_.front();
    const int meeting = nodes_[node].parent == kNoParent ? -1 : grow(node);
    if (meeting < 0) {
      active_.pop_front();
      nodes_[node].is_active = false;
      continue;
    }
    ++time_;
    augment(node, meeting);
    while (!orphans_.empty()) {
      const size_t orphan = orphans_.front();
      orphans_.pop_front();
      adopt(orphan);
    }
  }
}

}  // namespace relievo

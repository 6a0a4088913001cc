#include "kernels/mesh_tree.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

constexpr int32_t kLeaf = 4;

struct Box {
  float low[3], high[3];

  Box() {
    std::fill_n(low, 3, std::numeric_limits<float>::max());
    std::fill_n(high, 3, -std::numeric_limits<float>::max());
  }
  void add(const float* point) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], point[axis]);
      high[axis] = std::max(high[axis], point[axis]);
    }
  }
};

}  // namespace

MeshTree build_tree(const float* vertices, const int32_t* faces, int64_t count) {
  MeshTree tree;
  if (count == 0) return tree;
  tree.order.resize(count);
  std::iota(tree.order.begin(), tree.order.end(), 0);
  std::vector<float> middles(3 * count, 0);
  for (int64_t i = 0; i < 9 * count; ++i) {
    middles[i / 9 * 3 + i % 3] += vertices[static_cast<int64_t>(faces[i / 3]) * 3 + i % 3] / 3;
  }
  struct Task {
    int32_t node, first, last;
  };
  std::vector<Task> tasks{{0, 0, static_cast<int32_t>(count)}};
  tree.nodes.emplace_back();
  while (!tasks.empty()) {
    const Task task = tasks.back();
    tasks.pop_back();
    Box box, spread;
    for (int32_t i = task.first; i < task.last; ++i) {
      const int32_t face = tree.order[i];
      spread.add(&middles[3 * static_cast<size_t>(face)]);
      for (int corner = 0; corner < 3; ++corner) {
        box.add(vertices + static_cast<int64_t>(faces[3 * static_cast<int64_t>(face) + corner]) * 3);
      }
    }
    std::copy_n(box.low, 3, tree.nodes[task.node].low);
    std::copy_n(box.high, 3, tree.nodes[task.node].high);
    if (task.last - task.first <= kLeaf) {
      tree.nodes[task.node].first = task.first;
      tree.nodes[task.node].count = task.last - task.first;
      continue;
    }
    int longest = 0;
    for (int axis = 1; axis < 3; ++axis) {
      if (spread.high[axis] - spread.low[axis] > spread.high[longest] - spread.low[longest]) longest = axis;
    }
    const int32_t middle = task.first + (task.last - task.first) / 2;
    std::nth_element(tree.order.begin() + task.first, tree.order.begin() + middle,
                     tree.order.begin() + task.last, [&](int32_t a, int32_t b) {
                       return middles[3 * static_cast<size_t>(a) + longest] <
                              middles[3 * static_cast<size_t>(b) + longest];
                     });
    const auto left = static_cast<int32_t>(tree.nodes.size());
    tree.nodes[task.node].first = left;
    tree.nodes.resize(tree.nodes.size() + 2);
    tasks.push_back({left, task.first, middle});
    tasks.push_back({left + 1, middle, task.last});
  }
  return tree;
}

void find_detail_cpu(const DetailSearch& search, int64_t count) {
  parallel_for(count, 1024, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) find_detail_at(search, i);
  });
}

}  // namespace relievo::kernels

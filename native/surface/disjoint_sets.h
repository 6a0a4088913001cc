// Sets of numbers 0..count-1 that can be joined (union-find; Tarjan 1975, with path halving).
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

namespace relievo {

class DisjointSets {
 public:
  explicit DisjointSets(size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), 0); }

  int32_t root(int32_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(int32_t a, int32_t b) { parents_[root(a)] = root(b); }

 private:
  std::vector<int32_t> parents_;
};

}  // namespace relievo

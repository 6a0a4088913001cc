// A launcher as unordered as a GPU's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

namespace relievo::kernels {

/// Calls `body(i)` for i in 0..count - 1 in shuffled order on three threads.
template <typename Body>
void run_shuffled(int64_t count, const Body& body) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < order.size(); i += 3) body(order[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace relievo::kernels

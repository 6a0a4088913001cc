#include "nn/blocks.h"

#include <numeric>

namespace relievo {

size_t first_layer_of_block(std::span<const int64_t> numbers, int blocks, int block) {
  const int64_t total = std::accumulate(numbers.begin(), numbers.end(), int64_t{0});
  int64_t before = 0;
  for (size_t layer = 0; layer < numbers.size(); ++layer) {
    if ((2 * before + numbers[layer]) * blocks >= 2 * total * block) return layer;
    before += numbers[layer];
  }
  return numbers.size();
}

}  // namespace relievo

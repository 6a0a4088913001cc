#include "kernels/rasterise.h"

#include <algorithm>
#include <atomic>

#include "base/parallel.h"

namespace relievo::kernels {

void rasterise_cpu(const Rasterisation& rasterisation) {
  std::fill_n(rasterisation.hits, int64_t{rasterisation.width} * rasterisation.height, kNoHit);
  const auto keep_smallest = [](uint64_t* address, uint64_t value) {
    const std::atomic_ref<uint64_t> hit(*address);
    uint64_t seen = hit.load(std::memory_order_relaxed);
    while (value < seen && !hit.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  };
  parallel_for(rasterisation.face_count, 2048, [&](int64_t first, int64_t last) {
    for (int64_t face = first; face < last; ++face) rasterise_face_at(rasterisation, face, keep_smallest);
  });
}

}  // namespace relievo::kernels

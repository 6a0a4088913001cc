#include "kernels/noise.h"

#include "base/parallel.h"

namespace relievo::kernels {

void draw_noise_cpu(const NoiseStream& stream) {
  parallel_for((stream.count + 1) / 2, 4096, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) draw_noise_at(stream, i);
  });
}

}  // namespace relievo::kernels

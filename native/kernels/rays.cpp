#include "kernels/rays.h"

#include "base/parallel.h"

namespace relievo::kernels {

void find_sky_cpu(const SkySearch& search, int64_t count) {
  parallel_for(count, 256, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) find_sky_at(search, i);
  });
}

}  // namespace relievo::kernels

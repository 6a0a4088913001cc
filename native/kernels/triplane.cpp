#include "kernels/triplane.h"

#include "base/parallel.h"

namespace relievo::kernels {

void sample_triplane_cpu(const TriplaneSampling& sampling) {
  parallel_for(sampling.count * 3, 3 * 1024, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) sample_triplane_at(sampling, i);
  });
}

}  // namespace relievo::kernels

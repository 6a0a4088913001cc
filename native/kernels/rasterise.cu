#include "kernels/launch.cuh"
#include "kernels/rasterise.h"

namespace relievo::kernels {
namespace {

struct KeepSmallest {
  __device__ void operator()(uint64_t* address, uint64_t value) const {
    static_assert(sizeof(unsigned long long) == sizeof(uint64_t));
    atomicMin(reinterpret_cast<unsigned long long*>(address), static_cast<unsigned long long>(value));
  }
};

}  // namespace

void rasterise_cuda(const Rasterisation& rasterisation, void* stream) {
  const Rasterisation r = rasterisation;
  launch(int64_t{r.width} * r.height, stream, [r] __device__(int64_t i) { r.hits[i] = kNoHit; });
  launch(r.face_count, stream, [r] __device__(int64_t i) { rasterise_face_at(r, i, KeepSmallest{}); });
}

}  // namespace relievo::kernels

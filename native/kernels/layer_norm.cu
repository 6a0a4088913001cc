#include "kernels/launch.cuh"
#include "kernels/layer_norm.h"

namespace relievo::kernels {
namespace {

template <typename T>
void normalise_rows(const RowNormalisation& s, void* stream) {
  launch_teams(s.count, stream, [s] __device__(Team team, int64_t i) { normalise_row_at<T>(team, s, i); });
}

}  // namespace

void normalise_rows_cuda(const RowNormalisation& s, void* stream) {
  for_number_type(s.type, [&](auto t) { normalise_rows<decltype(t)>(s, stream); });
}

}  // namespace relievo::kernels

#include "kernels/group_norm.h"
#include "kernels/launch.cuh"

namespace relievo::kernels {
namespace {

template <typename T>
void find_moments(const TwoChannelMoments& s, void* stream) {
  const int64_t first = s.picture[0].indices();
  launch(first + s.picture[1].indices(), stream, [s, first] __device__(int64_t i) {
    find_channel_moments_at<T>(s.picture[i < first ? 0 : 1], i < first ? i : i - first);
  });
}

template <typename T>
void normalise(const TwoNormalisations& s, void* stream) {
  const int64_t first = s.picture[0].indices(s.groups);
  launch_teams(first + s.picture[1].indices(s.groups), stream, [s, first] __device__(Team team, int64_t i) {
    normalise_at<T>(team, s, s.picture[i < first ? 0 : 1], i < first ? i : i - first);
  });
}

}  // namespace

void find_channel_moments_cuda(const TwoChannelMoments& s, void* stream) {
  for_number_type(s.type, [&](auto t) { find_moments<decltype(t)>(s, stream); });
}

void normalise_cuda(const TwoNormalisations& s, void* stream) {
  for_number_type(s.type, [&](auto t) { normalise<decltype(t)>(s, stream); });
}

}  // namespace relievo::kernels

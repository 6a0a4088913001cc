// Group normalisation (Wu and He 2018) of pictures whose channels lie last in memory, with the SiLU that
// follows it in diffusion networks: one reading for the statistics, one for the result. torch's own loses the
// variance of flat pictures there: it takes the difference of two large sums.
//
// On the CPU loops over channels become vectors. A GPU finds moments by channel, in the same pass that makes
// the picture (a sum, two pictures side by side), and normalises by group; what is done to a number is the
// same.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/body.h"
#include "kernels/half.h"

namespace relievo::kernels {

/// The number of values, their mean and the sum of squared differences from it; two are merged after Chan,
/// Golub and LeVeque 1983.
template <typename Real>
struct Moments {
  Real count = 0, mean = 0, squares = 0;

  RELIEVO_BODY void merge(const Moments& other) {
    const Real total = count + other.count;
    if (total == 0) return;
    const Real apart = other.mean - mean;
    squares += other.squares + apart * apart * count * other.count / total;
    mean += apart * other.count / total;
    count = total;
  }
};

/// The moments of `count` values by the sums of their differences from one of them, `first`, and of the
/// squares of these: what is large in all values is not in the sums.
template <typename Real>
RELIEVO_BODY Moments<Real> moments_by_sums(Real count, Real first, Real sum, Real squares) {
  const Real mean = sum / count, spread = squares - mean * mean * count;
  return {count, first + mean, spread > 0 ? spread : 0};
}

struct GroupMoments {
  const void* in = nullptr;  ///< [batch, pixels, channels] float, or bfloat16
  bool is_bfloat16 = false;
  /// [batch, blocks(), groups, 3] written: count, mean and sum of squared differences.
  double* moments = nullptr;
  int64_t batch = 0;
  int64_t pixels = 0;
  int64_t channels = 0;
  int64_t groups = 0;  ///< divides channels
  int64_t block = 1;   ///< pixels whose moments are found together

  int64_t blocks() const { return (pixels + block - 1) / block; }
};

/// Finds the moments of each group of channels, block by block: a block's do not depend on the others.
void group_moments_cpu(const GroupMoments& find);

struct ScaleChannels {
  const void* in = nullptr;  ///< [batch, pixels, channels] float, or bfloat16
  void* out = nullptr;       ///< the same; may be `in`
  bool is_bfloat16 = false;
  const float* factor = nullptr;  ///< [batch, channels]
  const float* shift = nullptr;   ///< [batch, channels]
  int64_t batch = 0;
  int64_t pixels = 0;
  int64_t channels = 0;
  bool with_silu = false;  ///< applies SiLU to the result
};

void scale_channels_cpu(const ScaleChannels& scale);

/// A picture that a GPU makes of others, or takes as it is, with the moments of its channels.
struct ChannelMoments {
  /// [batch, pixels, channels], or less the `joined` ones. Items are `in_stride` numbers apart.
  const void* in = nullptr;
  int64_t in_stride = 0;
  /// [batch, pixels, joined], which become the last channels; where `joined` is 0, [batch, pixels, channels],
  /// which are added; or null. Items are `addend_stride` numbers apart.
  const void* addend = nullptr;
  int64_t addend_stride = 0;
  int64_t joined = 0;
  const void* shift = nullptr;  ///< [channels], added to every pixel for the moments alone; or null
  /// [batch, pixels, channels], items `out_stride` numbers apart, written; may be `in` where nothing is
  /// joined; or null.
  void* out = nullptr;
  int64_t out_stride = 0;
  float* moments = nullptr;  ///< [batch, blocks(), channels, 2]: mean and sum of squared differences, written
  int64_t batch = 0;
  int64_t pixels = 0;
  int64_t channels = 0;

  static constexpr int64_t kBlock = 128;  // pixels whose moments are found together
  RELIEVO_BODY int64_t blocks() const { return (pixels + kBlock - 1) / kBlock; }
  RELIEVO_BODY int64_t indices() const { return batch * blocks() * channels; }
};

/// Pictures of different sizes that pass the same layers side by side; the second one may have no items.
struct TwoChannelMoments {
  NumberType type = NumberType::kFloat;
  ChannelMoments picture[2] = {};
};

template <typename T>
RELIEVO_BODY void find_channel_moments_at(const ChannelMoments& s, int64_t index) {
  const int64_t c = index % s.channels, block = index / s.channels;
  const int64_t item = block / s.blocks(), begin = block % s.blocks() * ChannelMoments::kBlock;
  const int64_t end = begin + ChannelMoments::kBlock < s.pixels ? begin + ChannelMoments::kBlock : s.pixels;
  const int64_t own = s.channels - s.joined;  // channels of `in`
  const T* const in = static_cast<const T*>(s.in) + item * s.in_stride + c;
  const T* const addend =
      s.addend ? static_cast<const T*>(s.addend) + item * s.addend_stride + (s.joined ? c - own : c)
               : nullptr;
  T* const out = s.out ? static_cast<T*>(s.out) + item * s.out_stride + c : nullptr;
  const float shift = s.shift ? float_of(static_cast<const T*>(s.shift)[c]) : 0;
  const int64_t addend_width = s.joined ? s.joined : s.channels;
  float first = 0, sum = 0, squares = 0;
  for (int64_t pixel = begin; pixel < end; ++pixel) {
    T value;
    if (c >= own) {
      value = addend[pixel * addend_width];
    } else {
      value = in[pixel * own];
      if (addend && !s.joined) value = rounded<T>(float_of(value) + float_of(addend[pixel * addend_width]));
    }
    if (out) out[pixel * s.channels] = value;
    const float seen = s.shift ? float_of(rounded<T>(float_of(value) + shift)) : float_of(value);
    if (pixel == begin) first = seen;
    const float d = seen - first;
    sum += d;
    squares += d * d;
  }
  const Moments<float> found = moments_by_sums(static_cast<float>(end - begin), first, sum, squares);
  s.moments[2 * index] = found.mean;
  s.moments[2 * index + 1] = found.squares;
}

/// What is normalised of one picture; the fields are those of its ChannelMoments.
struct Normalisation {
  const void* in = nullptr;
  int64_t in_stride = 0;
  const void* shift = nullptr;
  const float* moments = nullptr;
  void* out = nullptr;  ///< [batch, pixels, channels], items `out_stride` numbers apart, written
  int64_t out_stride = 0;
  int64_t batch = 0;
  int64_t pixels = 0;

  static constexpr int64_t kRun = 256;  // pixels of one index
  RELIEVO_BODY int64_t blocks() const {
    return (pixels + ChannelMoments::kBlock - 1) / ChannelMoments::kBlock;
  }
  RELIEVO_BODY int64_t runs() const { return (pixels + kRun - 1) / kRun; }
  RELIEVO_BODY int64_t indices(int64_t groups) const { return batch * groups * runs(); }
};

struct TwoNormalisations {
  NumberType type = NumberType::kFloat;
  Normalisation picture[2] = {};
  const void* weight = nullptr;  ///< [channels], as the pictures
  const void* bias = nullptr;    ///< [channels]
  int64_t channels = 0;
  int64_t groups = 0;  ///< divides channels
  float epsilon = 0;
  bool with_silu = false;
};

/// One index is one group's channels of a run of pixels; a whole team works on it.
template <typename T, typename Team>
RELIEVO_BODY void normalise_at(const Team& team, const TwoNormalisations& s, const Normalisation& p,
                               int64_t index) {
  const int64_t width = s.channels / s.groups, runs = p.runs(), blocks = p.blocks();
  const int64_t run = index % runs, group = index / runs % s.groups, item = index / runs / s.groups;
  Moments<float> all;
  for (int64_t k = team.lane(); k < blocks * width; k += Team::kSize) {
    const int64_t block = k / width, rest = p.pixels - block * ChannelMoments::kBlock;
    const float* const found =
        p.moments + 2 * ((item * blocks + block) * s.channels + group * width + k % width);
    const int64_t count = rest < ChannelMoments::kBlock ? rest : ChannelMoments::kBlock;
    all.merge({static_cast<float>(count), found[0], found[1]});
  }
  for (int distance = Team::kSize / 2; distance > 0; distance /= 2) {
    all.merge({team.across(all.count, distance), team.across(all.mean, distance),
               team.across(all.squares, distance)});
  }
  const float inverse = 1 / sqrtf(all.squares / all.count + s.epsilon);
  const int64_t begin = run * Normalisation::kRun, rest = p.pixels - begin;
  const int channels = static_cast<int>(width);  // a GPU divides these quicker than wide numbers
  const int numbers = static_cast<int>(rest < Normalisation::kRun ? rest : Normalisation::kRun) * channels;
  for (int k = team.lane(); k < numbers; k += Team::kSize) {
    const int64_t c = group * width + k % channels, at = (begin + k / channels) * s.channels + c;
    float x = float_of(static_cast<const T*>(p.in)[item * p.in_stride + at]);
    if (p.shift) x = float_of(rounded<T>(x + float_of(static_cast<const T*>(p.shift)[c])));
    const float factor = float_of(static_cast<const T*>(s.weight)[c]) * inverse;
    float y = (x - all.mean) * factor + float_of(static_cast<const T*>(s.bias)[c]);
    if (s.with_silu) y = y / (1 + expf(-y));
    static_cast<T*>(p.out)[item * p.out_stride + at] = rounded<T>(y);
  }
}

// As in kernels/noise.h.
void find_channel_moments_cuda(const TwoChannelMoments& moments, void* cuda_stream);
void normalise_cuda(const TwoNormalisations& normalisations, void* cuda_stream);

}  // namespace relievo::kernels

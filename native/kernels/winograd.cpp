#include "kernels/winograd.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "kernels/matrix_product.h"
#include "kernels/vector_clones.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kLanes = kWinogradLanes;
constexpr int kOut = kWinogradOut, kIn = kWinogradIn;

/// A vector of sixteen channels; memory need not be aligned for it.
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

RELIEVO_INLINE void load(Lanes& to, const float* from) { to = *reinterpret_cast<const Lanes*>(from); }
RELIEVO_INLINE void store(float* to, const Lanes& from) { *reinterpret_cast<Lanes*>(to) = from; }

typedef uint32_t Bits __attribute__((vector_size(kLanes * sizeof(uint32_t)), may_alias));
typedef uint16_t HalfBits __attribute__((vector_size(kLanes * sizeof(uint16_t)), aligned(2), may_alias));

RELIEVO_INLINE void load(Lanes& to, const BFloat16* from) {
  const Bits bits = __builtin_convertvector(*reinterpret_cast<const HalfBits*>(from), Bits) << 16;
  to = reinterpret_cast<const Lanes&>(bits);
}
/// Rounds to the nearest, halves to even.
RELIEVO_INLINE void store(BFloat16* to, const Lanes& from) {
  const Bits bits = reinterpret_cast<const Bits&>(from);
  const Bits half = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  *reinterpret_cast<HalfBits*>(to) = __builtin_convertvector(half, HalfBits);
}

// The three transforms of a line. With a = 3/4 and b = 3/2 the row of a point p is the product of (x - q)
// over the other points q, so that those of p and -p share their even and their odd half.

RELIEVO_INLINE void transform_input(const Lanes (&d)[6], Lanes (&to)[6]) {
  const Lanes even_a = d[4] - 2.25f * d[2], odd_a = 0.75f * d[3] - 1.6875f * d[1];
  const Lanes even_b = d[4] - 0.5625f * d[2], odd_b = 1.5f * d[3] - 0.84375f * d[1];
  to[0] = 1.265625f * d[0] - 2.8125f * d[2] + d[4];
  to[1] = even_a + odd_a;
  to[2] = even_a - odd_a;
  to[3] = even_b + odd_b;
  to[4] = even_b - odd_b;
  to[5] = 1.265625f * d[1] - 2.8125f * d[3] + d[5];
}

RELIEVO_INLINE void transform_weights(const Lanes (&g)[3], Lanes (&to)[6]) {
  const Lanes even_a = (-128.0f / 243) * g[0] - (8.0f / 27) * g[2], odd_a = (-32.0f / 81) * g[1];
  const Lanes even_b = (32.0f / 243) * g[0] + (8.0f / 27) * g[2], odd_b = (16.0f / 81) * g[1];
  to[0] = (64.0f / 81) * g[0];
  to[1] = even_a + odd_a;
  to[2] = even_a - odd_a;
  to[3] = even_b + odd_b;
  to[4] = even_b - odd_b;
  to[5] = g[2];
}

RELIEVO_INLINE void transform_output(const Lanes (&m)[6], Lanes (&to)[4]) {
  const Lanes sum_a = m[1] + m[2], apart_a = m[1] - m[2], sum_b = m[3] + m[4], apart_b = m[3] - m[4];
  to[0] = m[0] + sum_a + sum_b;
  to[1] = 0.75f * apart_a + 1.5f * apart_b;
  to[2] = 0.5625f * sum_a + 2.25f * sum_b;
  to[3] = 0.421875f * apart_a + 3.375f * apart_b + m[5];
}

/// Where a tile begins in its picture, in pixels of the result.
struct Place {
  int64_t picture, y, x;
};
Place place_of(const WinogradShape& shape, int64_t tile) {
  const int64_t across = shape.across(), each = shape.down() * across;
  return {tile / each, tile % each / across * kOut, tile % across * kOut};
}

template <typename T>
RELIEVO_INLINE void transform_input_tile(const T* const* pixels, int64_t channels, float* to, int64_t step) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    Lanes rows[kIn][kIn];
    for (int x = 0; x < kIn; ++x) {
      Lanes column[kIn], done[kIn];
      for (int y = 0; y < kIn; ++y) load(column[y], pixels[y * kIn + x] + c);
      transform_input(column, done);
      for (int y = 0; y < kIn; ++y) rows[y][x] = done[y];
    }
    for (int y = 0; y < kIn; ++y) {
      Lanes done[kIn];
      transform_input(rows[y], done);
      for (int x = 0; x < kIn; ++x) store(to + (y * kIn + x) * step + c, done[x]);
    }
  }
}

template <typename T>
RELIEVO_INLINE void transform_output_tile(const float* products, int64_t step, int64_t channels,
                                          const T* bias, T* const* pixels) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    Lanes rows[kOut][kIn], add;
    load(add, bias + c);
    for (int x = 0; x < kIn; ++x) {
      Lanes column[kIn], done[kOut];
      for (int y = 0; y < kIn; ++y) load(column[y], products + (y * kIn + x) * step + c);
      transform_output(column, done);
      for (int y = 0; y < kOut; ++y) rows[y][x] = done[y];
    }
    for (int y = 0; y < kOut; ++y) {
      Lanes done[kOut];
      transform_output(rows[y], done);
      for (int x = 0; x < kOut; ++x) {
        if (T* pixel = pixels[y * kOut + x]) store(pixel + c, done[x] + add);
      }
    }
  }
}

/// The rows i and i + kApart exchange the columns that lie kApart apart.
template <int kApart, int... kLane>
RELIEVO_INLINE void exchange(Lanes (&rows)[kLanes], std::integer_sequence<int, kLane...>) {
  for (int i = 0; i < kLanes; ++i) {
    if (i & kApart) continue;
    const Lanes a = rows[i], b = rows[i + kApart];
    rows[i] = __builtin_shufflevector(a, b, (kLane & kApart ? kLanes + kLane - kApart : kLane)...);
    rows[i + kApart] = __builtin_shufflevector(a, b, (kLane & kApart ? kLanes + kLane : kLane + kApart)...);
  }
}
RELIEVO_INLINE void transpose(Lanes (&rows)[kLanes]) {
  constexpr auto kAll = std::make_integer_sequence<int, kLanes>();
  exchange<8>(rows, kAll);
  exchange<4>(rows, kAll);
  exchange<2>(rows, kAll);
  exchange<1>(rows, kAll);
}

/// Transforms 16 inputs' weights of the outputs of a panel. `weight` is that of the first output and input;
/// the panels of the 36 matrices lie `step` apart. The lanes are outputs, as in the panels.
template <typename T>
RELIEVO_INLINE void transform_panel(const T* weight, bool channels_last, int64_t count, int64_t inputs,
                                    float* panel, int64_t step) {
  constexpr int kTaps = 9;
  for (int64_t first = 0; first < kPanel; first += kLanes) {
    Lanes taps[kTaps][kLanes];  // of each tap and input, 16 outputs
    for (int k = 0; k < kTaps; ++k) {
      for (int64_t i = 0; i < kLanes; ++i) {
        const T* own = weight + (first + i) * kTaps * inputs;
        if (first + i >= count) {
          taps[k][i] = Lanes{};
        } else if (channels_last) {
          load(taps[k][i], own + k * inputs);
        } else {
          for (int c = 0; c < kLanes; ++c) taps[k][i][c] = float_of(own[c * kTaps + k]);
        }
      }
      transpose(taps[k]);
    }
    for (int64_t c = 0; c < kLanes; ++c) {
      Lanes rows[kIn][3];
      for (int x = 0; x < 3; ++x) {
        Lanes column[3], done[kIn];
        for (int y = 0; y < 3; ++y) column[y] = taps[y * 3 + x][c];
        transform_weights(column, done);
        for (int y = 0; y < kIn; ++y) rows[y][x] = done[y];
      }
      float* to = panel + c * kPanel + first;
      for (int y = 0; y < kIn; ++y) {
        Lanes done[kIn];
        transform_weights(rows[y], done);
        for (int x = 0; x < kIn; ++x) store(to + (y * kIn + x) * step, done[x]);
      }
    }
  }
}

// One source, compiled for several processors and both types.

#define RELIEVO_WINOGRAD_CLONES(T)                                                                           \
  RELIEVO_VECTOR_CLONES void transform(const T* const* pixels, int64_t channels, float* to, int64_t step) {  \
    transform_input_tile(pixels, channels, to, step);                                                        \
  }                                                                                                          \
  RELIEVO_VECTOR_CLONES void transform(const float* products, int64_t step, int64_t channels, const T* bias, \
                                       T* const* pixels) {                                                   \
    transform_output_tile(products, step, channels, bias, pixels);                                           \
  }                                                                                                          \
  RELIEVO_VECTOR_CLONES void transform(const T* weight, bool channels_last, int64_t count, int64_t inputs,   \
                                       float* panel, int64_t step) {                                         \
    transform_panel(weight, channels_last, count, inputs, panel, step);                                      \
  }
RELIEVO_WINOGRAD_CLONES(float)
RELIEVO_WINOGRAD_CLONES(BFloat16)
#undef RELIEVO_WINOGRAD_CLONES

template <typename T>
void transform_all(const WinogradWeights<T>& weights) {
  const int64_t inputs = weights.inputs, panels = (weights.outputs + kPanel - 1) / kPanel;
  const int64_t blocks = inputs / kLanes;
  parallel_for(panels * blocks, 8, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t output = i / blocks * kPanel, input = i % blocks * kLanes;
      transform(weights.weight + output * 9 * inputs + (weights.channels_last ? input : 9 * input),
                weights.channels_last, std::min(kPanel, weights.outputs - output), inputs,
                weights.to + output * inputs + input * kPanel, weights.step);
    }
  });
}

template <typename T>
void transform_all(const WinogradInput<T>& input) {
  const WinogradShape& shape = input.shape;
  const std::vector<T> outside(static_cast<size_t>(input.channels));  // zeros
  parallel_for(input.tiles, 4, [&](int64_t first, int64_t last) {
    const T* pixels[kWinogradElements];
    for (int64_t tile = first; tile < last; ++tile) {
      const Place place = place_of(shape, input.first + tile);
      for (int i = 0; i < kWinogradElements; ++i) {
        const int64_t y = place.y - shape.padded_rows + i / kIn, x = place.x - 1 + i % kIn;
        const bool is_inside = y >= 0 && y < shape.height && x >= 0 && x < shape.width;
        const int64_t pixel = (place.picture * shape.height + y) * shape.width + x;
        pixels[i] = is_inside ? input.in + pixel * input.channels : outside.data();
      }
      transform(pixels, input.channels, input.to + tile * input.row, input.step);
    }
  });
}

template <typename T>
void transform_all(const WinogradOutput<T>& output) {
  const WinogradShape& shape = output.shape;
  const std::vector<T> nothing(output.bias ? 0 : static_cast<size_t>(output.channels));
  const T* bias = output.bias ? output.bias : nothing.data();
  parallel_for(output.tiles, 4, [&](int64_t first, int64_t last) {
    T* pixels[kOut * kOut];
    for (int64_t tile = first; tile < last; ++tile) {
      const Place place = place_of(shape, output.first + tile);
      for (int i = 0; i < kOut * kOut; ++i) {
        const int64_t y = place.y + i / kOut, x = place.x + i % kOut;
        const int64_t pixel = (place.picture * shape.out_height() + y) * shape.width + x;
        pixels[i] = y < shape.out_height() && x < shape.width ? output.out + pixel * output.row : nullptr;
      }
      transform(output.products + tile * output.channels, output.step, output.channels, bias, pixels);
    }
  });
}

}  // namespace

void winograd_weights_cpu(const WinogradWeights<float>& weights) { transform_all(weights); }
void winograd_weights_cpu(const WinogradWeights<BFloat16>& weights) { transform_all(weights); }
void winograd_input_cpu(const WinogradInput<float>& input) { transform_all(input); }
void winograd_input_cpu(const WinogradInput<BFloat16>& input) { transform_all(input); }
void winograd_output_cpu(const WinogradOutput<float>& output) { transform_all(output); }
void winograd_output_cpu(const WinogradOutput<BFloat16>& output) { transform_all(output); }

}  // namespace relievo::kernels

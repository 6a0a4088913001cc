#include "kernels/resample.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

/// The source samples that one sample of the result is made of.
struct Taps {
  int first = 0;
  std::vector<float> weights;  // their sum is 1
};

std::vector<Taps> triangle_taps(int size, int new_size) {
  const double scale = static_cast<double>(size) / new_size;
  const double reach = std::max(scale, 1.0);
  std::vector<Taps> all(new_size);
  for (int i = 0; i < new_size; ++i) {
    const double centre = (i + 0.5) * scale - 0.5;
    const int first = std::max(0, static_cast<int>(std::ceil(centre - reach)));
    const int last = std::min(size - 1, static_cast<int>(std::floor(centre + reach)));
    Taps& taps = all[i];
    taps.first = first;
    double sum = 0;
    for (int k = first; k <= last; ++k) sum += 1 - std::abs(k - centre) / reach;
    for (int k = first; k <= last; ++k) {
      taps.weights.push_back(static_cast<float>((1 - std::abs(k - centre) / reach) / sum));
    }
  }
  return all;
}

}  // namespace

std::vector<float> resample(const std::vector<float>& values, int width, int height, int channels,
                            int new_width, int new_height) {
  if (width == new_width && height == new_height) return values;
  const std::vector<Taps> columns = triangle_taps(width, new_width);
  const std::vector<Taps> rows = triangle_taps(height, new_height);
  const size_t row_length = static_cast<size_t>(new_width) * channels;

  std::vector<float> narrow(row_length * height, 0.0f);
  parallel_for(height, 16, [&](int64_t first, int64_t last) {
    for (int64_t y = first; y < last; ++y) {
      const float* in = &values[static_cast<size_t>(y) * width * channels];
      float* out = &narrow[y * row_length];
      for (int x = 0; x < new_width; ++x, out += channels) {
        const float* tap = in + static_cast<size_t>(columns[x].first) * channels;
        for (const float weight : columns[x].weights) {
          for (int c = 0; c < channels; ++c) out[c] += weight * *tap++;
        }
      }
    }
  });

  std::vector<float> result(row_length * new_height, 0.0f);
  parallel_for(new_height, 16, [&](int64_t first, int64_t last) {
    for (int64_t y = first; y < last; ++y) {
      float* out = &result[y * row_length];
      const float* in = &narrow[rows[y].first * row_length];
      for (const float weight : rows[y].weights) {
        for (size_t i = 0; i < row_length; ++i) out[i] += weight * *in++;
      }
    }
  });
  return result;
}

void sample_bilinear(const Image& image, float x, float y, float* colour) {
  const float column = std::clamp(x - 0.5f, 0.0f, static_cast<float>(image.width - 1));
  const float row = std::clamp(y - 0.5f, 0.0f, static_cast<float>(image.height - 1));
  const int left = static_cast<int>(column), top = static_cast<int>(row);
  const int right = std::min(left + 1, image.width - 1), bottom = std::min(top + 1, image.height - 1);
  const float u = column - static_cast<float>(left), v = row - static_cast<float>(top);
  for (int c = 0; c < image.channels; ++c) {
    const float above = std::lerp(image.pixel(left, top)[c], image.pixel(right, top)[c], u);
    const float below = std::lerp(image.pixel(left, bottom)[c], image.pixel(right, bottom)[c], u);
    colour[c] = std::lerp(above, below, v);
  }
}

}  // namespace relievo::kernels

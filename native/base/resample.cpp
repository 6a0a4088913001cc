#include "base/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/parallel.h"

namespace relievo {
namespace {

constexpr int kFractionBits = 22;
constexpr int32_t kOne = 1 << kFractionBits;
constexpr int64_t kRowGrain = 16;

/// The source samples that make up one sample of the result.
struct Taps {
  int first = 0;
  std::vector<int32_t> weights;  // fixed-point
};

double sinc(double x) {
  if (x == 0) return 1;
  const double angle = x * std::numbers::pi;
  return std::sin(angle) / angle;
}

std::vector<Taps> taps_of(int size, int new_size, ResampleFilter filter) {
  const double scale = static_cast<double>(size) / new_size;
  const double stretch = std::max(scale, 1.0);
  const double reach = filter_reach(filter) * stretch;
  std::vector<Taps> all(new_size);
  std::vector<double> weights;
  for (int i = 0; i < new_size; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int end = std::min(size, static_cast<int>(centre + reach + 0.5));
    weights.clear();
    double sum = 0;
    for (int k = first; k < end; ++k) {
      weights.push_back(filter_value(filter, (k - centre + 0.5) * (1 / stretch)));
      sum += weights.back();
    }
    all[i].first = first;
    for (const double weight : weights) {
      all[i].weights.push_back(static_cast<int32_t>(std::lround(weight / sum * kOne)));
    }
  }
  return all;
}

uint8_t byte_from_fixed(int32_t value) {
  return static_cast<uint8_t>(std::clamp((value + kOne / 2) >> kFractionBits, 0, 255));
}

ByteImage resample_rows(const ByteImage& image, int width, ResampleFilter filter) {
  const std::vector<Taps> columns = taps_of(image.width, width, filter);
  ByteImage result(width, image.height, image.channels);
  parallel_for(image.height, kRowGrain, [&](int64_t first, int64_t last) {
    for (int y = static_cast<int>(first); y < last; ++y) {
      for (int x = 0; x < width; ++x) {
        for (int c = 0; c < image.channels; ++c) {
          const uint8_t* sample = image.pixel(columns[x].first, y) + c;
          int32_t sum = 0;
          for (const int32_t weight : columns[x].weights) {
            sum += weight * *sample;
            sample += image.channels;
          }
          result.pixel(x, y)[c] = byte_from_fixed(sum);
        }
      }
    }
  });
  return result;
}

ByteImage resample_columns(const ByteImage& image, int height, ResampleFilter filter) {
  const std::vector<Taps> rows = taps_of(image.height, height, filter);
  const int length = image.width * image.channels;
  ByteImage result(image.width, height, image.channels);
  parallel_for(height, kRowGrain, [&](int64_t first, int64_t last) {
    std::vector<int32_t> sums(length);
    for (int y = static_cast<int>(first); y < last; ++y) {
      std::fill(sums.begin(), sums.end(), 0);
      for (size_t k = 0; k < rows[y].weights.size(); ++k) {
        const uint8_t* row = image.pixel(0, rows[y].first + static_cast<int>(k));
        for (int i = 0; i < length; ++i) sums[i] += rows[y].weights[k] * row[i];
      }
      std::transform(sums.begin(), sums.end(), result.pixel(0, y), byte_from_fixed);
    }
  });
  return result;
}

}  // namespace

double filter_reach(ResampleFilter filter) { return 1.0 + static_cast<int>(filter); }

double filter_value(ResampleFilter filter, double x) {
  x = std::abs(x);
  switch (filter) {
    case ResampleFilter::kBilinear:
      return std::max(0.0, 1 - x);
    case ResampleFilter::kBicubic: {
      constexpr double a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    }
    case ResampleFilter::kLanczos:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

ByteImage resample(const ByteImage& image, int width, int height, ResampleFilter filter) {
  if (width == image.width && height == image.height) return image;
  if (height == image.height) return resample_rows(image, width, filter);
  if (width == image.width) return resample_columns(image, height, filter);
  const int64_t fewer_rows = image.height - height, fewer_columns = image.width - width;
  if (fewer_rows > 0 && fewer_rows > 2 * fewer_columns) {
    return resample_rows(resample_columns(image, height, filter), width, filter);
  }
  return resample_columns(resample_rows(image, width, filter), height, filter);
}

}  // namespace relievo

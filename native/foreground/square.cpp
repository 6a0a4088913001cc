#include "foreground/square.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <set>
#include <vector>

#include "base/parallel.h"
#include "base/resample.h"

namespace relievo {
namespace {

constexpr ResampleFilter kFilter = ResampleFilter::kBicubic;
// A smaller alpha is 0 as a byte, and must not be divided by.
constexpr float kLeastAlpha = 1.0f / 512;

/// The source samples that make up one sample of the result; samples outside the source are left out, which
/// counts them as zero.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

/// Computes the taps of `count` samples that together cover `length` source samples from `begin` on.
std::vector<Taps> taps_of(int begin, int length, int count, int source_size) {
  const double scale = static_cast<double>(length) / count;
  const double stretch = std::max(scale, 1.0);
  const double reach = filter_reach(kFilter) * stretch;
  std::vector<Taps> all(count);
  for (int i = 0; i < count; ++i) {
    const double centre = begin + (i + 0.5) * scale - 0.5;
    const int first = static_cast<int>(std::ceil(centre - reach));
    const int last = static_cast<int>(std::floor(centre + reach));
    double sum = 0;
    for (int k = first; k <= last; ++k) sum += filter_value(kFilter, (k - centre) / stretch);
    all[i].first = std::clamp(first, 0, source_size);
    for (int k = all[i].first; k <= std::min(last, source_size - 1); ++k) {
      all[i].weights.push_back(static_cast<float>(filter_value(kFilter, (k - centre) / stretch) / sum));
    }
  }
  return all;
}

/// Adds `weight` times the premultiplied pixels left..right-1 of a row to `sums`.
void add_row(const Image& picture, const Mask& alpha, int y, int left, int right, float weight, float* sums) {
  for (int x = left; x < right; ++x, sums += 4) {
    const float covered = weight * alpha.at(x, y);
    if (covered == 0) continue;
    const float* pixel = picture.pixel(x, y);
    for (int c = 0; c < 3; ++c) sums[c] += covered * std::clamp(pixel[c], 0.0f, 1.0f);
    sums[3] += covered;
  }
}

void write_straight(const float* premultiplied, bool is_linear, float* pixel) {
  const float alpha = premultiplied[3];
  if (alpha < kLeastAlpha) return;
  for (int c = 0; c < 3; ++c) {
    const float colour = std::clamp(premultiplied[c] / alpha, 0.0f, 1.0f);
    pixel[c] = is_linear ? srgb_from_linear(colour) : colour;
  }
  pixel[3] = std::min(alpha, 1.0f);
}

/// Returns whether a picture is drawn in pixels: small, and of few colours. A small photograph has as many
/// colours as pixels.
bool is_pixel_art(const Image& picture) {
  constexpr int kMostSide = 128;
  constexpr size_t kMostColours = 64;
  if (std::max(picture.width, picture.height) > kMostSide) return false;
  std::set<std::array<int, 3>> colours;
  size_t visible = 0;
  for (size_t i = 0; i < picture.pixels.size(); i += picture.channels) {
    const float* pixel = &picture.pixels[i];
    if (picture.channels == 4 && pixel[3] < 0.5f) continue;
    ++visible;
    colours.insert({static_cast<int>(pixel[0] * 255), static_cast<int>(pixel[1] * 255),
                    static_cast<int>(pixel[2] * 255)});
    if (colours.size() > kMostColours) return false;
  }
  return colours.size() * 2 <= visible;
}

/// Writes the colour of the pixel that a point of the result lies in, where that belongs to the subject.
void keep_pixel(const Image& picture, const Mask& alpha, const Crop& crop, double scale, int x, int y,
                float* pixel) {
  const int u = crop.x + static_cast<int>(std::floor((x + 0.5) * scale));
  const int v = crop.y + static_cast<int>(std::floor((y + 0.5) * scale));
  if (pixel[3] == 0 || u < 0 || v < 0 || u >= picture.width || v >= picture.height || alpha.at(u, v) < 0.5f)
    return;
  for (int c = 0; c < 3; ++c) {
    const float colour = std::clamp(picture.pixel(u, v)[c], 0.0f, 1.0f);
    pixel[c] = picture.linear ? srgb_from_linear(colour) : colour;
  }
}

}  // namespace

Image resample_square(const Image& picture, const Mask& alpha, const Crop& crop, int side,
                      const Control& control) {
  const std::vector<Taps> columns = taps_of(crop.x, crop.side, side, picture.width);
  const std::vector<Taps> rows = taps_of(crop.y, crop.side, side, picture.height);
  // The columns that are looked at.
  int left = picture.width, right = 0;
  for (const Taps& taps : columns) {
    if (taps.weights.empty()) continue;
    left = std::min(left, taps.first);
    right = std::max(right, taps.first + static_cast<int>(taps.weights.size()));
  }
  Image result(side, side, 4);
  if (left >= right) return result;

  constexpr double kMuchLarger = 4;
  const double scale = static_cast<double>(crop.side) / side;
  const bool keeps_pixels = scale * kMuchLarger <= 1 && is_pixel_art(picture);
  std::atomic<int> rows_done = 0;
  parallel_for(side, 8, [&](int64_t first, int64_t last) {
    std::vector<float> row(4 * static_cast<size_t>(right - left));
    for (int y = static_cast<int>(first); y < last; ++y) {
      control.step(static_cast<double>(rows_done++) / side);
      std::fill(row.begin(), row.end(), 0.0f);
      for (size_t k = 0; k < rows[y].weights.size(); ++k) {
        add_row(picture, alpha, rows[y].first + static_cast<int>(k), left, right, rows[y].weights[k],
                row.data());
      }
      for (int x = 0; x < side; ++x) {
        float sum[4] = {};
        const float* tap = columns[x].weights.empty() ? nullptr : &row[4 * (columns[x].first - left)];
        for (const float weight : columns[x].weights) {
          for (int c = 0; c < 4; ++c) sum[c] += weight * *tap++;
        }
        write_straight(sum, picture.linear, result.pixel(x, y));
        if (keeps_pixels) keep_pixel(picture, alpha, crop, scale, x, y, result.pixel(x, y));
      }
    }
  });
  return result;
}

}  // namespace relievo

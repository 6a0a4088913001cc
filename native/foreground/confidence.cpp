#include "foreground/confidence.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/resample.h"

namespace relievo {
namespace {

/// Takes the map's lowest or highest value within `reach` of each pixel, along rows and then along columns.
template <typename Choose>
Mask spread(const Mask& mask, int reach, Choose choose) {
  Mask rows = mask, result = mask;
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      for (int k = std::max(0, x - reach); k <= std::min(mask.width - 1, x + reach); ++k) {
        rows.at(x, y) = choose(rows.at(x, y), mask.at(k, y));
      }
    }
  }
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      result.at(x, y) = rows.at(x, y);
      for (int k = std::max(0, y - reach); k <= std::min(mask.height - 1, y + reach); ++k) {
        result.at(x, y) = choose(result.at(x, y), rows.at(x, k));
      }
    }
  }
  return result;
}

double median(std::vector<int> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Finds the pixels that have another colour than an even ground; the result is empty where the border's
/// pixels do not have one colour.
Mask unlike_ground(const ByteImage& colours) {
  constexpr int kEven = 6, kOther = 10;  // levels
  // Share of the border, where the subject may reach it.
  constexpr double kMostOdd = 0.02;
  std::vector<int> border[3];
  const auto take = [&](int x, int y) {
    for (int c = 0; c < 3; ++c) border[c].push_back(colours.pixel(x, y)[c]);
  };
  for (int x = 0; x < colours.width; ++x) take(x, 0), take(x, colours.height - 1);
  for (int y = 0; y < colours.height; ++y) take(0, y), take(colours.width - 1, y);
  const double ground[] = {median(border[0]), median(border[1]), median(border[2])};
  const auto distance = [&](const uint8_t* pixel) {
    double most = 0;
    for (int c = 0; c < 3; ++c) most = std::max(most, std::abs(pixel[c] - ground[c]));
    return most;
  };
  size_t odd = 0;
  for (size_t i = 0; i < border[0].size(); ++i) {
    const uint8_t pixel[] = {static_cast<uint8_t>(border[0][i]), static_cast<uint8_t>(border[1][i]),
                             static_cast<uint8_t>(border[2][i])};
    odd += distance(pixel) > kEven;
  }
  if (static_cast<double>(odd) > kMostOdd * static_cast<double>(border[0].size())) return {};
  Mask mask(colours.width, colours.height);
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) mask.at(x, y) = distance(colours.pixel(x, y)) > kOther ? 1.0f : 0.0f;
  }
  return mask;
}

}  // namespace

Doubt doubt_of(const Mask& map, float threshold, const ByteImage& colours) {
  constexpr float kSurelyNot = 0.1f, kSurely = 0.9f;
  constexpr int kEdge = 3;  // pixels of the map to either side
  const auto lower = [](float a, float b) { return std::min(a, b); };
  const auto higher = [](float a, float b) { return std::max(a, b); };
  // It is no edge where neither a sure subject nor a sure ground is near.
  const Mask most = spread(map, kEdge, higher), least = spread(map, kEdge, lower);
  size_t subject = 0, unsure = 0;
  for (size_t i = 0; i < map.values.size(); ++i) {
    subject += map.values[i] >= threshold;
    const bool is_between = map.values[i] > kSurelyNot && map.values[i] < kSurely;
    unsure += is_between && !(most.values[i] >= kSurely && least.values[i] <= kSurelyNot);
  }
  Doubt doubt;
  if (subject == 0) return doubt;
  doubt.unsure = static_cast<double>(unsure) / static_cast<double>(subject);

  const Mask other = unlike_ground(resample(colours, map.width, map.height, ResampleFilter::kBilinear));
  if (other.values.empty()) return doubt;
  size_t both = 0, either = 0;
  // A difference counts only where it is farther than an edge is wide from the other's outline.
  const Mask near_map = spread(map, kEdge, higher), near_other = spread(other, kEdge, higher);
  for (size_t i = 0; i < map.values.size(); ++i) {
    const bool a = map.values[i] >= threshold, b = other.values[i] > 0.5f;
    either += a || b;
    both += (a && near_other.values[i] > 0.5f) || (b && near_map.values[i] >= threshold);
  }
  doubt.against_ground = either == 0 ? 0 : 1 - static_cast<double>(both) / static_cast<double>(either);
  return doubt;
}

}  // namespace relievo

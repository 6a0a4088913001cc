#include "foreground/outline_profile.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "foreground/islands.h"
#include "kernels/distance_transform.h"

namespace relievo {
namespace {

constexpr int kMostCells = 2048;  // most cells a side
// The least number of cells within the reach, where pixels are fine enough.
constexpr int kCellsOfReach = 8;
constexpr double kWindowOfReach = 6;

int divided_up(int count, int by) { return (count + by - 1) / by; }

}  // namespace

OutlineProfile::OutlineProfile(const Mask& mask, int left, int top, int right, int bottom, double reach)
    : left_(left),
      top_(top),
      reach_(static_cast<float>(std::max(reach, 1.0))),
      cell_(std::max({1, static_cast<int>(reach / kCellsOfReach),
                      divided_up(std::max(right - left, bottom - top), kMostCells)})),
      cells_across_(divided_up(right - left, cell_)),
      cells_down_(divided_up(bottom - top, cell_)),
      window_(static_cast<float>(kWindowOfReach) * reach_),
      across_(static_cast<int>(static_cast<float>(right - left) / window_) + 2),
      down_(static_cast<int>(static_cast<float>(bottom - top) / window_) + 2) {
  std::vector<uint8_t> is_subject(static_cast<size_t>(cells_across_) * cells_down_);
  for (int y = 0; y < cells_down_; ++y) {
    for (int x = 0; x < cells_across_; ++x) {
      const int u = std::min(left + x * cell_ + cell_ / 2, right - 1),
                v = std::min(top + y * cell_ + cell_ / 2, bottom - 1);
      is_subject[static_cast<size_t>(y) * cells_across_ + x] = mask.at(u, v) >= kOutline ? 1 : 0;
    }
  }
  const std::vector<float> outside = kernels::distance_transform(is_subject, cells_across_, cells_down_);
  for (uint8_t& is : is_subject) is = is != 0 ? 0 : 1;
  depths_ = kernels::distance_transform(is_subject, cells_across_, cells_down_);
  for (size_t i = 0; i < depths_.size(); ++i) {
    const float cells = outside[i] == 0 ? depths_[i] - 0.5f : 0.5f - outside[i];
    depths_[i] = cells * static_cast<float>(cell_);
  }
  bins_ = bin_of(kDeepest * reach_) + 1;
  sums_.resize(static_cast<size_t>(down_) * across_ * bins_);
}

int OutlineProfile::bin_of(float depth) const {
  return std::max(static_cast<int>((depth + reach_) / static_cast<float>(cell_)), 0);
}

float OutlineProfile::depth(int x, int y) const {
  // Interpolates between the middles of cells.
  const float at_x = (static_cast<float>(x - left_) + 0.5f) / static_cast<float>(cell_) - 0.5f,
              at_y = (static_cast<float>(y - top_) + 0.5f) / static_cast<float>(cell_) - 0.5f;
  const int cx = std::clamp(static_cast<int>(at_x), 0, cells_across_ - 1),
            cy = std::clamp(static_cast<int>(at_y), 0, cells_down_ - 1);
  const int right = std::min(cx + 1, cells_across_ - 1), below = std::min(cy + 1, cells_down_ - 1);
  const float fx = std::clamp(at_x - static_cast<float>(cx), 0.0f, 1.0f),
              fy = std::clamp(at_y - static_cast<float>(cy), 0.0f, 1.0f);
  const auto of = [&](int u, int v) { return depths_[static_cast<size_t>(v) * cells_across_ + u]; };
  return (1 - fy) * ((1 - fx) * of(cx, cy) + fx * of(right, cy)) +
         fy * ((1 - fx) * of(cx, below) + fx * of(right, below));
}

template <typename Visit>
void OutlineProfile::each_window(int x, int y, const Visit& visit) const {
  const float at_x = (static_cast<float>(x - left_) + 0.5f) / window_,
              at_y = (static_cast<float>(y - top_) + 0.5f) / window_;
  const int wx = std::min(static_cast<int>(at_x), across_ - 2),
            wy = std::min(static_cast<int>(at_y), down_ - 2);
  const float fx = at_x - static_cast<float>(wx), fy = at_y - static_cast<float>(wy);
  for (const auto& [dx, dy, part] : {std::tuple{0, 0, (1 - fx) * (1 - fy)},
                                     {1, 0, fx * (1 - fy)},
                                     {0, 1, (1 - fx) * fy},
                                     {1, 1, fx * fy}}) {
    visit((static_cast<size_t>(wy + dy) * across_ + wx + dx) * bins_, part);
  }
}

void OutlineProfile::add(int x, int y, float depth, float share, float weight) {
  const int bin = std::min(bin_of(depth), bins_ - 1);
  each_window(x, y, [&](size_t window, float part) {
    Sum& sum = sums_[window + bin];
    sum.share += part * weight * share;
    sum.squares += part * weight * share * share;
    sum.weight += part * weight;
  });
}

OutlineProfile::Expected OutlineProfile::expected(int x, int y, float depth) const {
  const float at = (depth + reach_) / static_cast<float>(cell_) - 0.5f;
  const int low = std::clamp(static_cast<int>(at), 0, bins_ - 1), high = std::min(low + 1, bins_ - 1);
  const float between = std::clamp(at - static_cast<float>(low), 0.0f, 1.0f);
  Sum here, inside;
  const int first_inside = std::min(bin_of(reach_), bins_ - 1);
  each_window(x, y, [&](size_t window, float part) {
    const auto add = [&](Sum& to, int bin, float count) {
      const Sum& from = sums_[window + bin];
      to.share += count * from.share;
      to.squares += count * from.squares;
      to.weight += count * from.weight;
    };
    add(here, low, part * (1 - between));
    add(here, high, part * between);
    for (int bin = first_inside; bin < bins_; ++bin) add(inside, bin, part);
  });
  const auto variance_of = [](const Sum& sum) {
    const float mean = sum.share / sum.weight;
    return std::max(sum.squares / sum.weight - mean * mean, 0.0f);
  };
  Expected result;
  if (here.weight > 0) {
    result.share = std::clamp(here.share / here.weight, 0.0f, 1.0f);
    result.variance = variance_of(here);
  }
  if (inside.weight > 0) result.own_variance = variance_of(inside);
  return result;
}

float OutlineProfile::share_between(double from, double to) const {
  const int first = std::min(bin_of(static_cast<float>(from) * reach_), bins_ - 1),
            last = std::min(bin_of(static_cast<float>(to) * reach_), bins_ - 1);
  double share = 0, weight = 0;
  for (size_t window = 0; window < sums_.size(); window += bins_) {
    for (int bin = first; bin <= last; ++bin) {
      share += sums_[window + bin].share;
      weight += sums_[window + bin].weight;
    }
  }
  return weight > 0 ? static_cast<float>(share / weight) : 1;
}

}  // namespace relievo

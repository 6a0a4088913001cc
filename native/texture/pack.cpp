#include "texture/pack.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/parallel.h"
#include "texture/strip.h"

namespace relievo {
namespace {

// Pixels of the bitmap's side where just the wanted share of the square is covered.
constexpr int kSide = 1024;
// A chart is first tried in steps of this share of its size.
constexpr int kCoarse = 96;
// This many charts search from the first row on; smaller ones begin where the last one was placed.
constexpr int kThorough = 150;
constexpr int kGaps = 4;  // each half as wide as the one before
// A square of this share of kSide is expected where the scale was corrected; strips of about that width are
// tried.
constexpr double kExpected = 0.985, kWidthStep = 0.009;
// Few charts leave much to chance, and packing them costs little: then more is tried.
constexpr size_t kFewCharts = 48;
constexpr int64_t kWidths = 7, kWidthsOfFew = 11;

using Stencils = std::vector<std::array<Stencil, 4>>;  // of each chart, by quarter turns

/// A point of a chart after `turns` quarter turns, with the chart's bounding box moved to the origin again.
Float2 turned(const Float2& uv, int turns, const Float2& size) {
  switch (turns) {
    case 1:
      return {size[1] - uv[1], uv[0]};
    case 2:
      return {size[0] - uv[0], size[1] - uv[1]};
    case 3:
      return {uv[1], size[0] - uv[0]};
    default:
      return uv;
  }
}

struct Spot {
  int x = 0, y = 0, turns = 0;
};

/// Moves the spot as far down and left as it can go without a jump.
Spot slid_down(const Strip& strip, const Stencil& stencil, Spot spot, int border, int gap) {
  for (bool moved = true; moved;) {
    moved = false;
    for (; spot.y > border && strip.blocked(stencil, spot.x, spot.y - 1, gap) == 0; --spot.y) moved = true;
    for (; spot.x > border && strip.blocked(stencil, spot.x - 1, spot.y, gap) == 0; --spot.x) moved = true;
  }
  return spot;
}

/// All charts in a strip.
struct Attempt {
  int width = 0, height = 0;  // of what the charts take, in pixels, borders included
  int gap = 0;                // pixels
  std::vector<Spot> spots;

  int side() const { return std::max(width, height); }
};

/// Draws each chart in its four directions at `scale` (pixels a unit).
Stencils draw_charts(const std::vector<Chart>& charts, double scale, int gap) {
  const auto pixels = static_cast<float>(scale);
  std::vector<std::optional<std::array<Stencil, 4>>> drawn(charts.size());
  parallel_for(static_cast<int64_t>(charts.size()), 4, [&](int64_t first, int64_t last) {
    for (int64_t c = first; c < last; ++c) {
      const Chart& chart = charts[c];
      Bitmap shape(static_cast<int>(chart.size[0] * pixels) + 1,
                   static_cast<int>(chart.size[1] * pixels) + 1);
      for (const auto& corners : chart.corner_uv) {
        std::array<Float2, 3> t;
        for (int i = 0; i < 3; ++i) t[i] = {corners[i][0] * pixels, corners[i][1] * pixels};
        draw(t, shape);
      }
      const Bitmap claim = grown(shape, gap);
      const Bitmap shape1 = turned(shape), claim1 = turned(claim);
      const Bitmap shape2 = turned(shape1), claim2 = turned(claim1);
      drawn[c] = {Stencil(shape, claim), Stencil(shape1, claim1), Stencil(shape2, claim2),
                  Stencil(turned(shape2), turned(claim2))};
    }
  });
  Stencils stencils;
  for (auto& one : drawn) stencils.push_back(std::move(*one));
  return stencils;
}

/// Packs all charts into a strip, each in turn as low as it fits; the charts' shorter sides are narrower than
/// the strip.
Attempt attempt(const Stencils& stencils, const std::vector<int32_t>& order, int width, int gap,
                const CancelToken& cancel) {
  Attempt result{0, 0, gap, std::vector<Spot>(stencils.size())};
  Strip strip(width);
  const int border = (gap + 1) / 2;
  // Small charts of about one size hardly ever find free space before this row.
  int size_class = 1 << 30, first_row = border, placed_charts = 0;
  for (const int32_t c : order) {
    if (cancel.cancelled()) return result;
    const Bitmap& upright = stencils[c][0].shape;
    const int longer = std::max(upright.width(), upright.height());
    if (longer * 4 < size_class * 3) {
      size_class = longer;
      first_row = border;
    }
    const int step = 1 + longer / kCoarse;
    int best_end = 1 << 30;
    Spot best;
    for (int turns = 0; turns < 4; ++turns) {
      const Stencil& stencil = stencils[c][turns];
      const int last_column = width - border - stencil.shape.width(), height = stencil.shape.height();
      bool found = last_column < border;
      for (int y = first_row; !found && y + height < best_end; y += step) {
        if (!strip.has_room(stencil, y, gap)) continue;
        for (int x = border; x <= last_column;) {
          if (const int jump = strip.blocked(stencil, x, y, gap)) {
            x += std::max(jump, step);
            continue;
          }
          best = slid_down(strip, stencil, {x, y, turns}, border, gap);
          best_end = best.y + height;
          found = true;
          break;
        }
      }
    }
    if (++placed_charts > kThorough) first_row = std::max(first_row, best.y);
    strip.take(stencils[c][best.turns].shape, best.x, best.y);
    result.spots[c] = best;
    result.width = std::max(result.width, best.x + stencils[c][best.turns].shape.width() + border);
    result.height = std::max(result.height, best_end + border);
  }
  return result;
}

/// Orders of the charts from the largest to the smallest, by several measures of size, because none is best
/// for every set.
std::vector<std::vector<int32_t>> orders_of(const std::vector<Chart>& charts) {
  using Measure = float (*)(const Float2&);
  constexpr Measure kMeasures[] = {[](const Float2& s) { return std::max(s[0], s[1]); },
                                   [](const Float2& s) { return s[0] * s[1]; },
                                   [](const Float2& s) { return std::min(s[0], s[1]); }};
  std::vector<std::vector<int32_t>> orders;
  for (const Measure measure : kMeasures) {
    std::vector<int32_t>& order = orders.emplace_back(charts.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater<>(), [&](int32_t c) { return measure(charts[c].size); });
  }
  return orders;
}

/// Makes `count` attempts side by side: the result is the one that `size` tells is smallest.
template <typename Make, typename Size>
std::pair<Attempt, int64_t> best_of(int64_t count, const Make& make, const Size& size,
                                    const CancelToken& cancel) {
  std::vector<Attempt> attempts(count);
  parallel_for(count, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) attempts[i] = make(i);
  });
  cancel.check();
  const auto best = std::ranges::min_element(attempts, {}, size);
  return {std::move(*best), best - attempts.begin()};
}

}  // namespace

Packing pack_charts(const std::vector<Chart>& charts, float gap, float least_gap, double wanted_coverage,
                    const Control& control) {
  Packing packing;
  packing.places.resize(charts.size());
  double area = 0;
  float longest = 0;
  for (const Chart& chart : charts) {
    for (const auto& corners : chart.corner_uv) area += std::abs(uv_area(corners));
    longest = std::max({longest, chart.size[0], chart.size[1]});
  }
  if (!(area > 0)) return packing;
  double scale = kSide / std::max(std::sqrt(area / wanted_coverage), 1.0 * longest);
  const std::vector<std::vector<int32_t>> orders = orders_of(charts);
  Attempt best;
  for (int i = 0; i < kGaps; ++i) {
    control.step(static_cast<double>(i) / kGaps);
    const int pixels = static_cast<int>(std::lround(gap * kSide)) >> i;
    Stencils stencils = draw_charts(charts, scale, pixels);
    const auto in_order = [&](int64_t n) {
      return attempt(stencils, orders[n], kSide, pixels, control.cancel);
    };
    const auto [first, best_order] = best_of(std::ssize(orders), in_order, &Attempt::height, control.cancel);
    // The strip's area tells how large a square would be. Drawn anew for that, the gap is as wide as is asked
    // for.
    const double side = std::max(std::sqrt(double{kSide} * first.height), scale * longest);
    scale *= kExpected * kSide / side;
    stencils = draw_charts(charts, scale, pixels);
    const bool is_few = charts.size() < kFewCharts;
    const int64_t widths = is_few ? kWidthsOfFew : kWidths, tried = is_few ? std::ssize(orders) : 1;
    const auto again = [&, best_order = best_order](int64_t n) {
      const auto middle = static_cast<double>(widths / 2);
      const double width = kSide * (kExpected + kWidthStep * (static_cast<double>(n / tried) - middle));
      return attempt(stencils, orders[(best_order + n % tried) % std::ssize(orders)], static_cast<int>(width),
                     pixels, control.cancel);
    };
    best = best_of(widths * tried, again, &Attempt::side, control.cancel).first;
    if (area * scale * scale >= wanted_coverage * best.side() * best.side()) break;
    if (static_cast<float>(pixels / 2) < least_gap * kSide) break;
  }
  packing.side = best.side();
  packing.scale = static_cast<float>(scale / packing.side);
  packing.gap = static_cast<float>(best.gap) / static_cast<float>(packing.side);
  packing.coverage = area * scale * scale / packing.side / packing.side;
  for (size_t c = 0; c < charts.size(); ++c) {
    const Spot& spot = best.spots[c];
    packing.places[c] = {spot.turns,
                         {static_cast<float>(spot.x) / static_cast<float>(packing.side),
                          static_cast<float>(spot.y) / static_cast<float>(packing.side)}};
  }
  control.step(1);
  return packing;
}

Float2 placed(const Packing& packing, size_t chart, const Chart& shape, const Float2& uv) {
  const Packing::Place& place = packing.places[chart];
  // The bitmap's box, of whole pixels, is turned, not the chart's own.
  const float pixels = packing.scale * static_cast<float>(packing.side);
  const auto whole = [&](float size) { return (std::floor(size * pixels) + 1) / pixels; };
  const Float2 at = turned(uv, place.quarter_turns, {whole(shape.size[0]), whole(shape.size[1])});
  return {at[0] * packing.scale + place.offset[0], at[1] * packing.scale + place.offset[1]};
}

}  // namespace relievo

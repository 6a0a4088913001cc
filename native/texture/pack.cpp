#include "texture/pack.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/parallel.h"

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

/// A bitmap with one bit a pixel.
class Bits {
 public:
  Bits() = default;
  Bits(int width, int height)
      : width_(width),
        height_(height),
        words_((width + 63) / 64),
        bits_(static_cast<size_t>(words_) * height) {}

  int width() const { return width_; }
  int height() const { return height_; }
  int words() const { return words_; }
  const uint64_t* row(int y) const { return &bits_[static_cast<size_t>(y) * words_]; }
  uint64_t* row(int y) { return &bits_[static_cast<size_t>(y) * words_]; }

  bool get(int x, int y) const { return row(y)[x >> 6] >> (x & 63) & 1; }
  void set(int x, int y) { row(y)[x >> 6] |= uint64_t{1} << (x & 63); }
  void set(int first, int last, int y) {
    uint64_t* words = row(y);
    const int from = first >> 6, to = last >> 6;
    const uint64_t left = ~uint64_t{0} << (first & 63), right = ~uint64_t{0} >> (63 - (last & 63));
    if (from == to) {
      words[from] |= left & right;
      return;
    }
    words[from] |= left;
    for (int w = from + 1; w < to; ++w) words[w] = ~uint64_t{0};
    words[to] |= right;
  }

 private:
  int width_ = 0, height_ = 0, words_ = 0;
  std::vector<uint64_t> bits_;
};

/// Sets every pixel that the triangle touches.
void draw(const std::array<Float2, 3>& t, Bits& bits) {
  const auto [low, high] = std::minmax({t[0][1], t[1][1], t[2][1]});
  const int last_row = std::min(static_cast<int>(high), bits.height() - 1);
  for (int y = std::max(static_cast<int>(low), 0); y <= last_row; ++y) {
    const auto top = static_cast<float>(y), bottom = static_cast<float>(y + 1);
    float left = 1e30f, right = -1e30f;
    const auto reach = [&](float x) {
      left = std::min(left, x);
      right = std::max(right, x);
    };
    for (int corner = 0; corner < 3; ++corner) {
      const Float2 &a = t[corner], &b = t[(corner + 1) % 3];
      if (a[1] >= top && a[1] <= bottom) reach(a[0]);
      for (const float edge : {top, bottom}) {
        if ((a[1] < edge) != (b[1] < edge)) reach(std::lerp(a[0], b[0], (edge - a[1]) / (b[1] - a[1])));
      }
    }
    if (left > right) continue;
    const int first = std::max(static_cast<int>(left), 0);
    const int last = std::min(static_cast<int>(right), bits.width() - 1);
    if (first <= last) bits.set(first, last, y);
  }
}

/// Calls `body(first, last, row)` for each run of set pixels.
template <typename Body>
void for_runs(const Bits& bits, const Body& body) {
  for (int y = 0; y < bits.height(); ++y) {
    const uint64_t* row = bits.row(y);
    int first = -1;  // of the run that is open
    for (int w = 0; w < bits.words(); ++w) {
      uint64_t changes = row[w] ^ (row[w] << 1 | static_cast<uint64_t>(first >= 0));
      for (; changes != 0; changes &= changes - 1) {
        const int x = 64 * w + std::countr_zero(changes);
        if (first < 0) {
          first = x;
        } else {
          body(first, x - 1, y);
          first = -1;
        }
      }
    }
    if (first >= 0) body(first, bits.width() - 1, y);
  }
}

/// Copies `bits` with a margin of `reach` pixels on every side, grown by a disc of that radius.
Bits grown(const Bits& bits, int reach) {
  std::vector<int> half(2 * reach + 1);
  for (int dy = -reach; dy <= reach; ++dy) {
    half[dy + reach] = static_cast<int>(std::sqrt(static_cast<float>(reach * reach - dy * dy)));
  }
  Bits result(bits.width() + 2 * reach, bits.height() + 2 * reach);
  for_runs(bits, [&](int first, int last, int y) {
    for (int dy = 0; dy <= 2 * reach; ++dy) {
      result.set(first + reach - half[dy], last + reach + half[dy], y + dy);
    }
  });
  return result;
}

Bits turned(const Bits& bits) {
  Bits result(bits.height(), bits.width());
  for_runs(bits, [&](int first, int last, int y) {
    for (int x = first; x <= last; ++x) result.set(bits.height() - 1 - y, x);
  });
  return result;
}

/// A chart in one direction: the pixels that it covers, and those that must be free around it (its claim).
struct Stencil {
  Bits shape, claim;
  // Rows of the claim: the one with the longest run of pixels, then all, those first that lie far from each
  // other, because neighbours meet the same charts.
  std::vector<int> rows;
  int widest = 0;  // the longest run

  Stencil(Bits shape_, Bits claim_) : shape(std::move(shape_)), claim(std::move(claim_)) {
    int fullest = 0;
    for_runs(claim, [&](int first, int last, int y) {
      if (last - first < widest) return;
      widest = last - first + 1;
      fullest = y;
    });
    rows.push_back(fullest);
    const int height = claim.height();
    for (int step = std::bit_ceil(static_cast<unsigned>(height)); step > 0; step /= 2) {
      for (int y = step - 1; y < height; y += 2 * step) rows.push_back(y);
    }
  }

  /// The number of pixels from the beginning of a run of the claim to its pixel (x, y), that one included.
  int run_up_to(int x, int y) const {
    const uint64_t* row = claim.row(y);
    int count = 0;
    for (int w = x >> 6; w >= 0; --w) {
      const int bits = w == x >> 6 ? (x & 63) + 1 : 64;
      const int here = std::min(std::countl_one(row[w] << (64 - bits)), bits);
      count += here;
      if (here < bits) break;
    }
    return count;
  }
};

using Stencils = std::vector<std::array<Stencil, 4>>;  // of each chart, by quarter turns

/// A bitmap as wide as the square; it grows upwards from row 0 on.
class Strip {
 public:
  explicit Strip(int width) : width_(width) {}

  /// Returns whether the claim's fullest row may be free somewhere when its shape's lowest row is at `y`.
  bool has_room(const Stencil& stencil, int y, int gap) const {
    const int row = y - gap + stencil.rows[0];
    return row < 0 || row >= height_ || stencil.widest <= longest_free_[row];
  }

  /// Returns 0 when all that the claim asks for around (x, y), the shape's corner, is free; else the number
  /// of pixels to the next place on the right that may be free.
  int blocked(const Stencil& stencil, int x, int y, int gap) const {
    const int left = x - gap + 64 * kBefore, bottom = y - gap, words = stencil.claim.words();
    const int word = left >> 6, shift = left & 63;
    for (const int r : stencil.rows) {
      const int into = bottom + r;
      if (into < 0 || into >= height_) continue;
      const uint64_t* claim = stencil.claim.row(r);
      const uint64_t* taken = row(into) + word;
      for (int w = words - 1; w >= 0; --w) {
        const uint64_t clash = claim[w] & (taken[w] >> shift | taken[w + 1] << 1 << (63 - shift));
        if (clash == 0) continue;
        // A run must begin after the last taken pixel that it meets.
        return stencil.run_up_to(64 * w + 63 - std::countl_zero(clash), r);
      }
    }
    return 0;
  }

  void take(const Bits& shape, int x, int y) {
    height_ = std::max(height_, y + shape.height());
    bits_.resize(static_cast<size_t>(height_) * words());
    const int left = x + 64 * kBefore, word = left >> 6, shift = left & 63;
    for (int r = 0; r < shape.height(); ++r) {
      uint64_t* into = &bits_[static_cast<size_t>(y + r) * words() + word];
      for (int w = 0; w < shape.words(); ++w) {
        into[w] |= shape.row(r)[w] << shift;
        into[w + 1] |= shape.row(r)[w] >> 1 >> (63 - shift);
      }
    }
    longest_free_.resize(height_);
    for (int r = y; r < y + shape.height(); ++r) longest_free_[r] = longest_free_run(row(r));
  }

 private:
  // Each row has spare words on both sides, so that a claim may reach over the border.
  static constexpr int kBefore = 1, kAfter = 3;

  int words() const { return (width_ + 63) / 64 + kBefore + kAfter; }
  const uint64_t* row(int y) const { return &bits_[static_cast<size_t>(y) * words()]; }

  /// The spare words count, because a claim may reach into them.
  int longest_free_run(const uint64_t* row) const {
    int longest = 0, open = 0;  // the run that reaches the end of the words before
    for (int w = 0; w < words(); ++w) {
      if (row[w] == 0) {
        open += 64;
        continue;
      }
      longest = std::max(longest, open + std::countr_zero(row[w]));
      int inner = 0;
      for (uint64_t free = ~row[w]; free != 0; free &= free << 1) ++inner;
      longest = std::max(longest, inner);
      open = std::countl_zero(row[w]);
    }
    return std::max(longest, open);
  }

  int width_, height_ = 0;
  std::vector<uint64_t> bits_;
  std::vector<int> longest_free_;  // of each row
};

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
      Bits shape(static_cast<int>(chart.size[0] * pixels) + 1, static_cast<int>(chart.size[1] * pixels) + 1);
      for (const auto& corners : chart.corner_uv) {
        std::array<Float2, 3> t;
        for (int i = 0; i < 3; ++i) t[i] = {corners[i][0] * pixels, corners[i][1] * pixels};
        draw(t, shape);
      }
      const Bits claim = grown(shape, gap);
      const Bits shape1 = turned(shape), claim1 = turned(claim);
      const Bits shape2 = turned(shape1), claim2 = turned(claim1);
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
    const Bits& upright = stencils[c][0].shape;
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

#include "texture/pack.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "base/vectors.h"

namespace relievo {
namespace {

constexpr int kSide = 1024;  // pixels of the bitmap
// A chart is first tried in steps of this share of its size.
constexpr int kCoarse = 96;
// This many charts search from the first row on; smaller ones begin where the last one was placed.
constexpr int kThorough = 150;
constexpr int kRounds = 4;
constexpr double kHighestCoverage = 0.95, kLowestCoverage = 0.02;

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
    for (int x = first; x <= last; ++x) set(x, y);
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
    bits.set(std::max(static_cast<int>(left), 0), std::min(static_cast<int>(right), bits.width() - 1), y);
  }
}

/// Copies `bits` with a margin of `reach` pixels on every side, grown by a disc of that radius.
Bits grown(const Bits& bits, int reach) {
  Bits wide(bits.width() + 2 * reach, bits.height());
  std::vector<int> half(2 * reach + 1);
  for (int dy = -reach; dy <= reach; ++dy) {
    half[dy + reach] = static_cast<int>(std::sqrt(static_cast<float>(reach * reach - dy * dy)));
  }
  Bits result(bits.width() + 2 * reach, bits.height() + 2 * reach);
  for (int y = 0; y < bits.height(); ++y) {
    for (int x = 0; x < bits.width(); ++x) {
      if (!bits.get(x, y)) continue;
      int end = x;
      while (end + 1 < bits.width() && bits.get(end + 1, y)) ++end;
      for (int dy = -reach; dy <= reach; ++dy) {
        const int h = half[dy + reach];
        result.set(x + reach - h, end + reach + h, y + reach + dy);
      }
      x = end;
    }
  }
  return result;
}

Bits turned(const Bits& bits) {
  Bits result(bits.height(), bits.width());
  for (int y = 0; y < bits.height(); ++y) {
    for (int x = 0; x < bits.width(); ++x) {
      if (bits.get(x, y)) result.set(bits.height() - 1 - y, x);
    }
  }
  return result;
}

/// A chart in one direction: the pixels that it covers, and those that must be free around it (its claim).
struct Stencil {
  Bits shape, claim;
  std::vector<int> rows;  // rows of the claim, the fullest first
  // The first pixel of each row of the claim that is a single run of pixels, and -1 for the others.
  std::vector<int> start;

  explicit Stencil(Bits shape_, int gap) : shape(std::move(shape_)), claim(grown(shape, gap)) {
    rows.resize(claim.height());
    std::iota(rows.begin(), rows.end(), 0);
    std::vector<int> fill(rows.size(), 0);
    for (const int y : rows) {
      for (int w = 0; w < claim.words(); ++w) fill[y] += std::popcount(claim.row(y)[w]);
    }
    std::ranges::sort(rows, std::greater<>(), [&](int y) { return fill[y]; });
    start.assign(rows.size(), -1);
    for (const int y : rows) {
      int first = 0, last = claim.width() - 1;
      while (first < claim.width() && !claim.get(first, y)) ++first;
      while (last > first && !claim.get(last, y)) --last;
      if (last - first + 1 == fill[y]) start[y] = first;
    }
  }
};

/// The bitmap of the square, which fills up from row 0 on.
class Square {
 public:
  Square() : bits_(kSide + 64 * (kBefore + kAfter), kSide) {}

  /// Returns 0 when all that the claim asks for around (x, y), the shape's corner, is free; else the number
  /// of pixels to the next place on the right that may be free.
  int blocked(const Stencil& stencil, int x, int y, int gap) const {
    const int left = x - gap + 64 * kBefore, top = y - gap, words = stencil.claim.words();
    const int word = left >> 6, shift = left & 63;
    for (const int r : stencil.rows) {
      const int into = top + r;
      if (into < 0 || into >= kSide) continue;
      const uint64_t* claim = stencil.claim.row(r);
      const uint64_t* taken = bits_.row(into) + word;
      for (int w = words - 1; w >= 0; --w) {
        const uint64_t clash = claim[w] & (taken[w] >> shift | taken[w + 1] << 1 << (63 - shift));
        if (clash == 0) continue;
        // A run must begin after the last taken pixel that it meets.
        return stencil.start[r] < 0 ? 1 : 64 * w + 64 - std::countl_zero(clash) - stencil.start[r];
      }
    }
    return 0;
  }

  void take(const Bits& shape, int x, int y) {
    for (int row = 0; row < shape.height(); ++row) {
      for (int column = 0; column < shape.width(); ++column) {
        if (shape.get(column, row)) bits_.set(x + column + 64 * kBefore, y + row);
      }
    }
  }

 private:
  // Each row has spare words on both sides, so that a claim may reach over the border.
  static constexpr int kBefore = 1, kAfter = 3;

  Bits bits_;
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
Spot slid_down(const Square& square, const Stencil& stencil, Spot spot, int border, int gap) {
  for (bool moved = true; moved;) {
    moved = false;
    for (; spot.y > border && square.blocked(stencil, spot.x, spot.y - 1, gap) == 0; --spot.y) moved = true;
    for (; spot.x > border && square.blocked(stencil, spot.x - 1, spot.y, gap) == 0; --spot.x) moved = true;
  }
  return spot;
}

/// Packs all charts at one scale (pixels a unit). The result is empty where the charts do not fit, and as
/// soon as it is not wanted any more.
template <typename IsWanted>
std::vector<Spot> attempt(const std::vector<Chart>& charts, const std::vector<int32_t>& order, double scale,
                          int gap, const IsWanted& is_wanted) {
  Square square;
  std::vector<Spot> spots(charts.size());
  const int border = (gap + 1) / 2;
  // Small charts of about one size hardly ever find free space before this row.
  int size_class = 1 << 30, first_row = border, placed_charts = 0;
  for (const int32_t c : order) {
    if (!is_wanted()) return {};
    const Chart& chart = charts[c];
    const auto pixels = static_cast<float>(scale);
    Bits shape(static_cast<int>(chart.size[0] * pixels) + 1, static_cast<int>(chart.size[1] * pixels) + 1);
    const int longer = std::max(shape.width(), shape.height());
    if (longer > kSide - 2 * border) return {};
    for (const auto& corners : chart.corner_uv) {
      std::array<Float2, 3> t;
      for (int i = 0; i < 3; ++i) t[i] = {corners[i][0] * pixels, corners[i][1] * pixels};
      draw(t, shape);
    }
    if (longer * 4 < size_class * 3) {
      size_class = longer;
      first_row = border;
    }
    int best_end = 1 << 30;
    Spot best;
    Bits best_shape;
    for (int turns = 0; turns < 4; ++turns) {
      const Stencil stencil(shape, gap);
      const int width = shape.width(), height = shape.height();
      const int step = 1 + longer / kCoarse;
      bool found = false;
      for (int y = first_row; !found && y + height < best_end && y + height <= kSide - border; y += step) {
        for (int x = border; x + width <= kSide - border;) {
          if (const int jump = square.blocked(stencil, x, y, gap)) {
            x += std::max(jump, step);
            continue;
          }
          best = slid_down(square, stencil, {x, y, turns}, border, gap);
          best_end = best.y + height;
          best_shape = shape;
          found = true;
          break;
        }
      }
      if (turns < 3) shape = turned(shape);
    }
    if (best_end == 1 << 30) return {};
    if (++placed_charts > kThorough) first_row = std::max(first_row, best.y);
    square.take(best_shape, best.x, best.y);
    spots[c] = best;
  }
  return spots;
}

struct Attempt {
  double scale = 0;         // pixels a unit
  int gap = 0;              // pixels
  std::vector<Spot> spots;  // empty where the charts do not fit
};

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

/// The outcome that ends the search among four attempts; the attempts after it are left empty.
enum class Until { kFits, kDoesNotFit };

/// Makes four attempts on several threads; the result does not depend on their number.
std::array<Attempt, 4> try_four(const std::vector<Chart>& charts,
                                const std::vector<std::vector<int32_t>>& orders,
                                const std::array<double, 4>& scales, const std::array<int, 4>& gaps,
                                Until until, const Control& control) {
  std::array<Attempt, 4> attempts;
  std::atomic<int64_t> last_wanted = 3;
  parallel_for(4, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto is_wanted = [&] { return i <= last_wanted && !control.cancel.cancelled(); };
      attempts[i] = {scales[i], gaps[i], {}};
      for (const std::vector<int32_t>& order : orders) {
        attempts[i].spots = attempt(charts, order, scales[i], gaps[i], is_wanted);
        if (!attempts[i].spots.empty()) break;
      }
      if (attempts[i].spots.empty() == (until == Until::kFits)) continue;
      int64_t before = last_wanted;
      while (i < before && !last_wanted.compare_exchange_weak(before, i)) {
      }
    }
  });
  control.cancel.check();
  for (int64_t i = last_wanted + 1; i < 4; ++i) attempts[i].spots.clear();
  return attempts;
}

/// Finds the widest of four gaps that leaves the wanted coverage, and the largest scale with it, to about two
/// per cent; where none does, the largest scale with the narrowest gap.
Attempt best_attempt(const std::vector<Chart>& charts, double area, int gap, double wanted_coverage,
                     const Control& control) {
  const std::vector<std::vector<int32_t>> orders = orders_of(charts);
  const auto scale = [&](double coverage) { return kSide * std::sqrt(coverage / area); };
  const std::array<int, 4> gaps{gap, gap / 2, gap / 4, gap / 8};
  // A margin keeps rounding from leaving less coverage than wanted.
  const double wanted = scale(wanted_coverage * (1 + 1e-4));
  std::array<Attempt, 4> attempts =
      try_four(charts, orders, {wanted, wanted, wanted, wanted}, gaps, Until::kFits, control);
  const auto found = std::ranges::find_if(attempts, [](const Attempt& a) { return !a.spots.empty(); });
  Attempt best{0, gaps[3], {}};
  if (found != attempts.end()) best = std::move(*found);
  double low = best.spots.empty() ? kLowestCoverage : wanted_coverage;
  double high = best.spots.empty() ? wanted_coverage : kHighestCoverage;
  const int rounds = best.spots.empty() ? kRounds : 1;
  for (int round = 0; round < rounds; ++round) {
    control.step(0.3 + 0.7 * round / kRounds);
    std::array<double, 4> scales;
    for (int i = 0; i < 4; ++i) scales[i] = scale(low * std::pow(high / low, 0.2 * (i + 1)));
    // The first round tries four small steps above the wanted scale, because charts seldom fit at much more.
    if (rounds == 1) scales = {wanted * 1.02, wanted * 1.04, wanted * 1.06, wanted * 1.09};
    attempts = try_four(charts, orders, scales, {best.gap, best.gap, best.gap, best.gap}, Until::kDoesNotFit,
                        control);
    for (Attempt& a : attempts) {
      const double coverage = area * a.scale * a.scale / kSide / kSide;
      if (a.spots.empty()) {
        high = std::min(high, coverage);
        break;
      }
      low = coverage;
      best = std::move(a);
    }
  }
  return best;
}

}  // namespace

Packing pack_charts(const std::vector<Chart>& charts, float gap, double wanted_coverage,
                    const Control& control) {
  Packing packing;
  packing.places.resize(charts.size());
  double area = 0;
  for (const Chart& chart : charts) {
    for (const auto& c : chart.corner_uv) {
      area +=
          std::abs((c[1][0] - c[0][0]) * (c[2][1] - c[0][1]) - (c[1][1] - c[0][1]) * (c[2][0] - c[0][0])) / 2;
    }
  }
  if (!(area > 0)) return packing;
  const Attempt best =
      best_attempt(charts, area, static_cast<int>(std::lround(gap * kSide)), wanted_coverage, control);
  if (best.spots.empty()) {
    throw Error(ErrorCode::kInternal, "The charts of the surface do not fit into a texture.",
                "Simplify the surface, or leave out its debris.");
  }
  packing.gap = static_cast<float>(best.gap) / kSide;
  packing.scale = static_cast<float>(best.scale / kSide);
  packing.coverage = area * best.scale * best.scale / kSide / kSide;
  for (size_t c = 0; c < charts.size(); ++c) {
    const Spot& spot = best.spots[c];
    packing.places[c] = {spot.turns,
                         {static_cast<float>(spot.x) / kSide, static_cast<float>(spot.y) / kSide}};
  }
  control.step(1);
  return packing;
}

Float2 placed(const Packing& packing, size_t chart, const Chart& shape, const Float2& uv) {
  const Packing::Place& place = packing.places[chart];
  // The bitmap's box, of whole pixels, is turned, not the chart's own.
  const auto whole = [&](float size) {
    return (std::floor(size * packing.scale * kSide) + 1) / (packing.scale * kSide);
  };
  const Float2 at = turned(uv, place.quarter_turns, {whole(shape.size[0]), whole(shape.size[1])});
  return {at[0] * packing.scale + place.offset[0], at[1] * packing.scale + place.offset[1]};
}

}  // namespace relievo

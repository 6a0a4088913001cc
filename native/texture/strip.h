// What charts are packed into, and the form in which they are. Internal to texture/.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "texture/bitmap.h"

namespace relievo {

/// A chart in one direction: the pixels that it covers, and those that must be free around it (its claim).
struct Stencil {
  Bitmap shape, claim;
  // Rows of the claim: the one with the longest run of pixels, then all, those first that lie far from each
  // other, because neighbours meet the same charts.
  std::vector<int> rows;
  int widest = 0;  // the longest run

  Stencil(Bitmap shape_, Bitmap claim_) : shape(std::move(shape_)), claim(std::move(claim_)) {
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

  void take(const Bitmap& shape, int x, int y) {
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

}  // namespace relievo

// Bitmaps in which charts are packed. Internal to texture/.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// A bitmap with one bit a pixel.
class Bitmap {
 public:
  Bitmap() = default;
  Bitmap(int width, int height)
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
void draw(const std::array<Float2, 3>& t, Bitmap& bits);

/// Calls `body(first, last, row)` for each run of set pixels.
template <typename Body>
void for_runs(const Bitmap& bits, const Body& body) {
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
Bitmap grown(const Bitmap& bits, int reach);

/// Copies `bits` after a quarter turn counter-clockwise.
Bitmap turned(const Bitmap& bits);

}  // namespace relievo

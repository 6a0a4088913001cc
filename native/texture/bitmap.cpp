#include "texture/bitmap.h"

#include <algorithm>
#include <cmath>

namespace relievo {

void draw(const std::array<Float2, 3>& t, Bitmap& bits) {
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

Bitmap grown(const Bitmap& bits, int reach) {
  std::vector<int> half(2 * reach + 1);
  for (int dy = -reach; dy <= reach; ++dy) {
    half[dy + reach] = static_cast<int>(std::sqrt(static_cast<float>(reach * reach - dy * dy)));
  }
  Bitmap result(bits.width() + 2 * reach, bits.height() + 2 * reach);
  for_runs(bits, [&](int first, int last, int y) {
    for (int dy = 0; dy <= 2 * reach; ++dy) {
      result.set(first + reach - half[dy], last + reach + half[dy], y + dy);
    }
  });
  return result;
}

Bitmap turned(const Bitmap& bits) {
  Bitmap result(bits.height(), bits.width());
  for_runs(bits, [&](int first, int last, int y) {
    for (int x = first; x <= last; ++x) result.set(bits.height() - 1 - y, x);
  });
  return result;
}

}  // namespace relievo

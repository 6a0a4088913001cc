#include "foreground/alpha.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/parallel.h"

namespace relievo {
namespace {

// One pixel in so many: fewer transparent ones cut nothing out.
constexpr size_t kOneIn = 200;
// Share of the shorter side: round corners of windows, slides and icons stay inside.
constexpr double kCornerSide = 0.25;
constexpr double kBorder = 0.02;  // share of the shorter side
constexpr float kVisible = 0.1f;
// Rounding error of a byte, and a half more.
constexpr float kStep = 1.5f / 255;

}  // namespace

AlphaKind alpha_kind(const Image& picture) {
  if (picture.channels != 4) return AlphaKind::kNone;
  const double shorter = std::min(picture.width, picture.height);
  const int corner = static_cast<int>(kCornerSide * shorter), border = static_cast<int>(kBorder * shorter);
  size_t all = 0, elsewhere = 0;
  for (int y = 0; y < picture.height; ++y) {
    const int from_edge_y = std::min(y, picture.height - 1 - y);
    for (int x = 0; x < picture.width; ++x) {
      if (picture.pixel(x, y)[3] >= 0.5f) continue;
      const int from_edge_x = std::min(x, picture.width - 1 - x);
      ++all;
      elsewhere +=
          std::min(from_edge_x, from_edge_y) >= border && std::max(from_edge_x, from_edge_y) >= corner;
    }
  }
  const size_t pixels = picture.pixels.size() / 4;
  if (all * kOneIn < pixels) return AlphaKind::kNone;
  return elsewhere * kOneIn < pixels ? AlphaKind::kFrame : AlphaKind::kCutOut;
}

bool is_premultiplied(const Image& picture) {
  if (picture.channels != 4) return false;
  constexpr int kReach = 24;                    // pixels to the next opaque one
  constexpr float kLow = 0.05f, kHigh = 0.95f;  // alphas in between tell something
  constexpr size_t kFewest = 16;
  // The least average change of a see-through pixel by its alpha.
  constexpr double kLeastChange = 0.02;
  constexpr float kLossy = 0.05f;  // what a lossy WebP changes a colour by, beside an alpha that it keeps
  size_t soft = 0, too_bright = 0, compared = 0;
  double as_straight = 0, as_premultiplied = 0, change = 0;
  // Remembers along a line of pixels the last opaque one, and how far away it is.
  const auto look = [&](ptrdiff_t first, ptrdiff_t step, int count) {
    const float* opaque = nullptr;
    int distance = 0;
    const float* pixel = picture.pixels.data() + 4 * first;
    for (int i = 0; i < count; ++i, pixel += 4 * step) {
      const float alpha = pixel[3];
      if (alpha >= 1 - kStep) {
        opaque = pixel;
        distance = 0;
      } else if (opaque != nullptr && ++distance <= kReach && alpha > kLow && alpha < kHigh) {
        ++compared;
        for (int c = 0; c < 3; ++c) {
          as_straight += std::abs(pixel[c] - opaque[c]);
          as_premultiplied += std::abs(pixel[c] - alpha * opaque[c]);
          change += (1 - alpha) * opaque[c];
        }
      }
    }
  };
  for (int y = 0; y < picture.height; ++y) {
    const float* row = picture.pixel(0, y);
    for (int x = 0; x < picture.width; ++x, row += 4) {
      if (row[3] >= 1 - kStep) continue;
      if (row[3] < kStep / 3) continue;  // what nobody sees may have any colour
      ++soft;
      too_bright += std::max({row[0], row[1], row[2]}) > row[3] + kStep + kLossy;
    }
    const ptrdiff_t begin = static_cast<ptrdiff_t>(y) * picture.width;
    look(begin, 1, picture.width);
    look(begin + picture.width - 1, -1, picture.width);
  }
  for (int x = 0; x < picture.width; ++x) {
    const ptrdiff_t width = picture.width;
    look(x, width, picture.height);
    look(x + (picture.height - 1) * width, -width, picture.height);
  }
  constexpr size_t kOneTooBrightIn = 100;
  return compared >= kFewest && too_bright * kOneTooBrightIn <= soft &&
         change > kLeastChange * 3 * static_cast<double>(compared) && as_premultiplied < 0.6 * as_straight;
}

void make_straight(Image& picture) {
  parallel_for(picture.height, 16, [&](int64_t first, int64_t last) {
    float* pixel = picture.pixel(0, static_cast<int>(first));
    for (int64_t i = first * picture.width; i < last * picture.width; ++i, pixel += 4) {
      if (pixel[3] <= 0) continue;
      for (int c = 0; c < 3; ++c) pixel[c] = std::min(pixel[c] / pixel[3], 1.0f);
    }
  });
}

SeeThrough see_through_of(const Mask& mask, float threshold) {
  // A pixel counts where everything around it, for more than the width of an edge, is as see-through: neither
  // ground nor kept.
  const int reach = std::max(2, std::max(mask.width, mask.height) / 128);
  const auto is_lost = [&](float value) { return value >= kVisible && value < threshold; };
  // An edge, however wide it is, rises all the way, so it is not flat.
  const auto is_flat = [&](int x, int y) {
    constexpr int kStep = 2;
    constexpr float kMostRise = 0.06f;
    const auto at = [&](int u, int v) {
      return mask.at(std::clamp(u, 0, mask.width - 1), std::clamp(v, 0, mask.height - 1));
    };
    return std::abs(at(x + kStep, y) - at(x - kStep, y)) <= kMostRise &&
           std::abs(at(x, y + kStep) - at(x, y - kStep)) <= kMostRise;
  };
  // Counts how many pixels in a line up to here are lost; a square is lost where each of its rows is.
  std::vector<int> columns(static_cast<size_t>(mask.width), 0);
  size_t visible = 0, lost = 0;
  std::array<size_t, 100> levels{};
  const int side = 2 * reach + 1;
  std::vector<bool> row_is_lost(static_cast<size_t>(mask.width));
  for (int y = 0; y < mask.height; ++y) {
    int run = 0;
    for (int x = 0; x < mask.width; ++x) {
      const float value = mask.at(x, y);
      visible += value >= kVisible;
      run = is_lost(value) && is_flat(x, y) ? run + 1 : 0;
      // The row's run ends `reach` pixels to the right of its middle.
      if (x >= reach) row_is_lost[x - reach] = run >= side;
    }
    for (int x = std::max(0, mask.width - reach); x < mask.width; ++x) row_is_lost[x] = false;
    for (int x = 0; x < mask.width; ++x) {
      columns[x] = row_is_lost[x] ? columns[x] + 1 : 0;
      if (columns[x] < side) continue;
      ++lost;
      const float middle = mask.at(x, y - reach);
      ++levels[std::min(static_cast<size_t>(middle * 100), levels.size() - 1)];
    }
  }
  constexpr double kFewest = 0.005;  // share of what is visible
  if (static_cast<double>(lost) <= kFewest * static_cast<double>(visible)) return {};
  // The level is half of the one that nine tenths of it reach.
  size_t seen = 0, level = 0;
  while (level + 1 < levels.size() && (seen += levels[level]) * 10 < lost) ++level;
  const float kept = std::max(std::floor(static_cast<float>(level) / 2) / 100, 0.05f);
  // The middles of squares were counted; the edges of these squares are as see-through.
  size_t all = 0;
  for (const float value : mask.values) all += is_lost(value);
  return {static_cast<double>(all) / static_cast<double>(visible), kept};
}

}  // namespace relievo

#include "foreground/warnings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "foreground/sheet.h"

namespace relievo {
namespace {

constexpr double kMuchCutOff = 0.1;   // of the subject's side along the border
constexpr double kSmall = 0.1;        // of the frame's longer side
constexpr double kLikeLargest = 0.4;  // area of the boxes of several subjects

Mask alpha_of(const Image& picture) {
  Mask alpha(picture.width, picture.height);
  for (size_t i = 0; i < alpha.values.size(); ++i) alpha.values[i] = picture.pixels[4 * i + 3];
  return alpha;
}

/// A cut-out in pixels of its picture.
class Placed {
 public:
  Placed(const Foreground& cut, const Mask& alpha) : crop_(cut.crop), alpha_(alpha) {}

  bool is_inside(int x, int y) const {
    const double scale = static_cast<double>(alpha_.width) / crop_.side;
    const int column = static_cast<int>(std::floor((x + 0.5 - crop_.x) * scale));
    const int row = static_cast<int>(std::floor((y + 0.5 - crop_.y) * scale));
    return column >= 0 && row >= 0 && column < alpha_.width && row < alpha_.height &&
           alpha_.at(column, row) >= kOutline;
  }

 private:
  const Crop& crop_;
  const Mask& alpha_;
};

void add_cut_off(const Placed& subject, int width, int height, std::vector<std::string>& warnings) {
  struct Border {
    const char* name;
    int length;
    int touched = 0;
  };
  std::array<Border, 4> borders{{{"left", height}, {"right", height}, {"upper", width}, {"lower", width}}};
  int rows = 0, columns = 0;  // in which there is something
  for (int y = 0; y < height; ++y) {
    borders[0].touched += subject.is_inside(0, y);
    borders[1].touched += subject.is_inside(width - 1, y);
  }
  for (int x = 0; x < width; ++x) {
    borders[2].touched += subject.is_inside(x, 0);
    borders[3].touched += subject.is_inside(x, height - 1);
  }
  // Along each axis, a line in a hundred tells the extent well enough.
  const int step = std::max(std::max(width, height) / 200, 1);
  for (int y = 0; y < height; y += step) {
    bool is_filled = false;
    for (int x = 0; x < width && !is_filled; x += step) is_filled = subject.is_inside(x, y);
    rows += is_filled;
  }
  for (int x = 0; x < width; x += step) {
    bool is_filled = false;
    for (int y = 0; y < height && !is_filled; y += step) is_filled = subject.is_inside(x, y);
    columns += is_filled;
  }
  std::vector<std::string> names;
  int reached = 0;
  for (size_t i = 0; i < borders.size(); ++i) {
    const double along = static_cast<double>((i < 2 ? rows : columns) * step);
    reached += borders[i].touched > 0;
    if (along > 0 && borders[i].touched > kMuchCutOff * along) names.emplace_back(borders[i].name);
  }
  if (names.empty() || reached == 4) return;
  warnings.push_back(fmt::format(
      "The subject is cut off by the {} {} of the picture: what lies beyond is missing, and the object ends "
      "there. Choose a picture that shows all of it.",
      fmt::join(names, " and the "), names.size() == 1 ? "border" : "borders"));
}

/// Calls visit(colour) for each pixel well inside the subject.
template <typename Visit>
void for_each_inside(const Image& image, const Visit& visit) {
  constexpr float kInside = 0.99f;
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    if (image.pixels[i + 3] >= kInside) visit(&image.pixels[i]);
  }
}

/// A drawing of flat colours has few of them, each without any noise; a photo of a plain thing has shades.
void add_drawing(const Foreground& cut, std::vector<std::string>& warnings) {
  constexpr int kLevels = 32;          // a channel
  constexpr size_t kFlatColours = 12;  // that a flat drawing has at most
  constexpr double kMostlyFlat = 0.85;
  constexpr double kNoise = 0.8 / 255;  // mean deviation from its colour
  constexpr int kPixelArt = 160;        // pixels of a side, below which it is drawn pixel by pixel
  struct Colour {
    int64_t count = 0;
    std::array<double, 3> sum{};
    double deviation = 0;
  };
  std::unordered_map<int, Colour> colours;
  const auto bin_of = [](const float* pixel) {
    int bin = 0;
    for (int c = 0; c < 3; ++c) {
      // Half a level off, so that black and white are in the middle of theirs.
      bin = bin * (kLevels + 1) + static_cast<int>(std::clamp(pixel[c], 0.0f, 1.0f) * kLevels + 0.5f);
    }
    return bin;
  };
  int64_t all = 0;
  for_each_inside(cut.image, [&](const float* pixel) {
    Colour& colour = colours[bin_of(pixel)];
    ++colour.count;
    ++all;
    for (size_t c = 0; c < 3; ++c) colour.sum[c] += pixel[c];
  });
  if (all == 0) return;
  for_each_inside(cut.image, [&](const float* pixel) {
    Colour& colour = colours[bin_of(pixel)];
    for (size_t c = 0; c < 3; ++c)
      colour.deviation += std::abs(pixel[c] - colour.sum[c] / static_cast<double>(colour.count)) / 3;
  });
  std::vector<Colour> sorted;
  for (const auto& [bin, colour] : colours) sorted.push_back(colour);
  std::ranges::sort(sorted, std::ranges::greater(), &Colour::count);
  int64_t flat = 0;
  double deviation = 0;
  for (size_t i = 0; i < std::min(sorted.size(), kFlatColours); ++i) {
    flat += sorted[i].count;
    deviation += sorted[i].deviation;
  }
  const bool is_flat = static_cast<double>(flat) >= kMostlyFlat * static_cast<double>(all) &&
                       deviation <= kNoise * static_cast<double>(flat);
  if (!is_flat) return;
  warnings.push_back(
      fmt::format("The subject seems to be {}: inflated, it becomes a cushion. A slab with round edges may "
                  "suit it better (--shape extrude).",
                  cut.crop.side < kPixelArt ? "pixel art" : "a flat drawing"));
}

void add_dark(const Image& image, std::vector<std::string>& warnings) {
  constexpr double kBright = 0.22;  // of 1, sRGB-encoded: below this little is told apart
  constexpr double kTenth = 0.1;
  std::array<int64_t, 256> counts{};
  int64_t all = 0;
  for_each_inside(image, [&](const float* pixel) {
    const float luma = 0.2126f * pixel[0] + 0.7152f * pixel[1] + 0.0722f * pixel[2];
    ++counts[static_cast<size_t>(std::clamp(luma, 0.0f, 1.0f) * 255 + 0.5f)];
    ++all;
  });
  int64_t brighter = 0;
  size_t level = counts.size();
  while (level > 0 && static_cast<double>(brighter) < kTenth * static_cast<double>(all))
    brighter += counts[--level];
  if (all == 0 || static_cast<double>(level) >= kBright * 255) return;
  warnings.push_back(fmt::format(
      "The subject is dark: nine tenths of it are below {:.0f} % of white. Its outline may be wrong "
      "where the ground is dark, too, and its texture shows little: choose a brighter picture, or "
      "brighten it, and look at the mask.",
      100.0 * static_cast<double>(level) / 255));
}

}  // namespace

std::vector<std::string> warnings_of(const Foreground& cut, int width, int height) {
  std::vector<std::string> warnings;
  const Mask alpha = alpha_of(cut.image);
  add_cut_off(Placed(cut, alpha), width, height, warnings);

  // The crop is a little larger than the subject (foreground.h: 0.85 of it).
  const double side = 0.85 * cut.crop.side;
  if (side < kSmall * std::max(width, height)) {
    warnings.push_back(fmt::format(
        "The subject is only {:.0f} pixels large, {:.0f} % of the picture's side: its outline and "
        "texture are coarse. Choose a picture that is closer to it.",
        side, 100 * side / std::max(width, height)));
  }

  const std::vector<PixelBox> figures = figures_of(alpha, kOutline);
  const auto area = [](const PixelBox& box) {
    return static_cast<double>(box.right - box.left) * (box.bottom - box.top);
  };
  double largest = 0;
  for (const PixelBox& box : figures) largest = std::max(largest, area(box));
  const bool are_alike =
      std::ranges::all_of(figures, [&](const PixelBox& box) { return area(box) >= kLikeLargest * largest; });
  if (figures.size() > 1 && are_alike) {
    warnings.push_back(fmt::format(
        "The picture shows {} separate subjects, which become one object. Choose one by its number, from "
        "left "
        "to right (--subject 1 to {}), or make an object of each; or if they are sides of one thing, name "
        "these in order (--sheet front,right).",
        figures.size(), figures.size()));
  }
  return warnings;
}

std::vector<std::string> warnings_of_colours(const Foreground& cut) {
  std::vector<std::string> warnings;
  add_drawing(cut, warnings);
  add_dark(cut.image, warnings);
  return warnings;
}

}  // namespace relievo

#include "foreground/warnings.h"

#include <algorithm>
#include <array>
#include <cmath>

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
        "The picture shows {} separate subjects, which become one object. Bring a mask of one of them; or if "
        "they are sides of one thing, name these in order (--sheet front,right).",
        figures.size()));
  }
  return warnings;
}

}  // namespace relievo

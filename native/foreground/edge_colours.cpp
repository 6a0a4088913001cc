#include "foreground/edge_colours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "foreground/islands.h"
#include "foreground/outline_profile.h"

namespace relievo {
namespace {

constexpr int kMostCells = 1024;  // most cells a side

/// Colours and their weights on a grid of cells.
struct Weighted {
  float colour[3] = {};
  float weight = 0;

  void add(const float* other, float count) {
    for (int c = 0; c < 3; ++c) colour[c] += count * other[c];
    weight += count;
  }
};

struct Cells {
  int width = 0, height = 0;
  std::vector<Weighted> values;

  Cells(int width_, int height_)
      : width(width_), height(height_), values(static_cast<size_t>(width_) * height_) {}
  Weighted& at(int x, int y) { return values[static_cast<size_t>(y) * width + x]; }
  const Weighted& at(int x, int y) const { return values[static_cast<size_t>(y) * width + x]; }
};

/// Gives every cell a colour: one with little weight of its own takes that of its surroundings, nearer ones
/// more (a pyramid of averages, from fine to coarse and back: Gortler et al. 1996, "The Lumigraph", pull and
/// push).
void fill(Cells& cells) {
  if (cells.width == 1 && cells.height == 1) return;
  Cells coarse((cells.width + 1) / 2, (cells.height + 1) / 2);
  for (int y = 0; y < cells.height; ++y) {
    for (int x = 0; x < cells.width; ++x) {
      const Weighted& cell = cells.at(x, y);
      const float weight = std::min(cell.weight, 1.0f);
      if (weight > 0) coarse.at(x / 2, y / 2).add(cell.colour, weight);
    }
  }
  for (Weighted& cell : coarse.values) {
    if (cell.weight <= 0) continue;
    for (float& value : cell.colour) value /= cell.weight;
  }
  fill(coarse);
  for (int y = 0; y < cells.height; ++y) {
    for (int x = 0; x < cells.width; ++x) {
      Weighted& cell = cells.at(x, y);
      const float own = std::min(cell.weight, 1.0f);
      if (own >= 1) continue;
      // The nearest cell counts three quarters, and those beside it the rest.
      float around[3] = {};
      for (const auto& [dx, dy, share] : {std::tuple{0, 0, 9.0f}, {1, 0, 3.0f}, {0, 1, 3.0f}, {1, 1, 1.0f}}) {
        const int cx = std::clamp(x / 2 + (x % 2 == 0 ? -dx : dx), 0, coarse.width - 1);
        const int cy = std::clamp(y / 2 + (y % 2 == 0 ? -dy : dy), 0, coarse.height - 1);
        for (int c = 0; c < 3; ++c) around[c] += share / 16 * coarse.at(cx, cy).colour[c];
      }
      for (int c = 0; c < 3; ++c) cell.colour[c] = own * cell.colour[c] + (1 - own) * around[c];
      cell.weight = std::max(cell.weight, 1e-6f);
    }
  }
}

/// Averages each cell with those within `reach` cells.
void blur(Cells& cells, int reach) {
  std::vector<Weighted> line;
  const auto along = [&](int count, const auto& at) {
    line.assign(static_cast<size_t>(count), {});
    for (int i = 0; i < count; ++i) {
      for (int k = std::max(i - reach, 0); k <= std::min(i + reach, count - 1); ++k) {
        line[static_cast<size_t>(i)].add(at(k).colour, 1);
      }
    }
    for (int i = 0; i < count; ++i) {
      const Weighted& sum = line[static_cast<size_t>(i)];
      for (int c = 0; c < 3; ++c) at(i).colour[c] = sum.colour[c] / sum.weight;
    }
  };
  for (int y = 0; y < cells.height; ++y) {
    along(cells.width, [&](int x) -> Weighted& { return cells.at(x, y); });
  }
  for (int x = 0; x < cells.width; ++x) {
    along(cells.height, [&](int y) -> Weighted& { return cells.at(x, y); });
  }
}

/// Returns for each cell whether it and all within `reach` cells belong to the subject, or to the ground.
std::vector<bool> all_within(const std::vector<bool>& is, int width, int height, int reach) {
  std::vector<bool> rows(is.size()), result(is.size());
  const auto shrink = [reach](int count, const auto& get, const auto& set) {
    int run = reach;  // cells outside count as more of the same
    for (int i = 0; i < count + reach; ++i) {
      run = i >= count || get(i) ? run + 1 : 0;
      if (i >= reach) set(i - reach, run > 2 * reach);
    }
  };
  for (int y = 0; y < height; ++y) {
    const size_t row = static_cast<size_t>(y) * width;
    shrink(
        width, [&](int x) { return is[row + x]; }, [&](int x, bool value) { rows[row + x] = value; });
  }
  for (int x = 0; x < width; ++x) {
    const auto at = [&](int y) { return static_cast<size_t>(y) * width + x; };
    shrink(
        height, [&](int y) { return rows[at(y)]; }, [&](int y, bool value) { result[at(y)] = value; });
  }
  return result;
}

float squared(const std::array<float, 3>& v) { return v[0] * v[0] + v[1] * v[1] + v[2] * v[2]; }

float smooth(float from, float to, float value) {
  const float t = std::clamp((value - from) / (to - from), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

/// A pixel compared with the subject and the ground around it.
struct Mixture {
  std::array<float, 3> across{};  ///< vector from the ground's colour to the subject's
  /// Vector from the nearest mixture of both to the pixel.
  std::array<float, 3> beside{};
  float share = 1;  ///< the subject's share in that mixture
  /// Distance of both colours; 0 where they cannot be told apart.
  float contrast = 0;
  /// 1 for a mixture, and closer to 0 the farther the pixel is from the line between both colours.
  float likeness = 0;

  Mixture(const float* pixel, const float* subject, const float* ground) {
    constexpr float kAlike = 0.04f;
    std::array<float, 3> from_ground{};
    for (int c = 0; c < 3; ++c) {
      across[c] = subject[c] - ground[c];
      from_ground[c] = pixel[c] - ground[c];
    }
    const float length = squared(across);
    if (length < kAlike * kAlike) return;
    contrast = std::sqrt(length);
    share = 0;
    for (int c = 0; c < 3; ++c) share += from_ground[c] * across[c] / length;
    for (int c = 0; c < 3; ++c) beside[c] = from_ground[c] - share * across[c];
    const float tolerance = 0.2f * contrast + 0.03f;
    likeness = std::exp(-squared(beside) / (tolerance * tolerance));
  }
};

/// Takes the ground's colour out of a pixel, whose depth tells how much of it to expect. A difference from
/// that counts as the subject's own pattern as far as such differences are found further inside; the rest is
/// taken for chance (Wiener's estimate).
void clear_pixel(float* pixel, const float* ground, const Mixture& mixture,
                 const OutlineProfile::Expected& expected) {
  constexpr float kDoubt = 1.2f;  // the subject's pattern does not average out completely
  const float spread = std::sqrt(expected.own_variance);
  const float painted = expected.share * expected.share * expected.own_variance;
  const float gain =
      painted > 0 ? expected.share * expected.own_variance / std::max(expected.variance, painted) : 0;
  const float share = 1 + gain * (mixture.share - expected.share);
  const float amount =
      mixture.likeness * (1 - smooth(0.97f - kDoubt * spread, 0.995f - kDoubt * spread / 2, expected.share));
  for (int c = 0; c < 3; ++c) {
    const float cleared = ground[c] + share * mixture.across[c] + mixture.beside[c];
    pixel[c] = std::max(pixel[c] + amount * (cleared - pixel[c]), 0.0f);
  }
}

class EdgeColours {
 public:
  EdgeColours(const Mask& mask, const Crop& crop, double reach)
      : mask_(mask),
        left_(std::clamp(crop.x, 0, mask.width)),
        top_(std::clamp(crop.y, 0, mask.height)),
        right_(std::clamp(crop.x + crop.side, left_, mask.width)),
        bottom_(std::clamp(crop.y + crop.side, top_, mask.height)),
        cell_(std::max({1, static_cast<int>(reach / 3), (crop.side + kMostCells - 1) / kMostCells})),
        reach_(std::max(1, static_cast<int>(std::lround(reach / cell_)))),
        width_((right_ - left_ + cell_ - 1) / cell_),
        height_((bottom_ - top_ + cell_ - 1) / cell_),
        subject_(width_, height_),
        ground_(width_, height_),
        profile_(mask, left_, top_, right_, bottom_, reach) {}

  bool empty() const { return width_ == 0 || height_ == 0; }

  void look(const Image& picture, const Control& control) {
    std::vector<bool> is_subject(subject_.values.size()), is_ground(subject_.values.size());
    for (int y = 0; y < height_; ++y) {
      control.cancel.check();
      for (int x = 0; x < width_; ++x) gather(picture, x, y, is_subject, is_ground);
    }
    const std::vector<bool> sure_subject = all_within(is_subject, width_, height_, reach_);
    const std::vector<bool> sure_ground = all_within(is_ground, width_, height_, reach_);
    for (size_t i = 0; i < ground_.values.size(); ++i) {
      if (!sure_ground[i]) ground_.values[i].weight *= kLittle;
    }
    fill(ground_);
    // Some parts are too thin to have an inside: there, the pixels that are least like the ground count.
    for (size_t i = 0; i < subject_.values.size(); ++i) {
      Weighted& cell = subject_.values[i];
      if (sure_subject[i]) continue;
      std::array<float, 3> contrast{};
      for (int c = 0; c < 3; ++c) contrast[c] = cell.colour[c] - ground_.values[i].colour[c];
      cell.weight *= kLittle * std::min(4 * squared(contrast), 1.0f);
    }
    fill(subject_);
    // The subject's colours are blurred as much inside as they are along the outline, where they were carried
    // to.
    blur(subject_, reach_);
    each_near(0, height_, control, [&](int u, int v, float depth) {
      const Around around(*this, u, v);
      const Mixture mixture(picture.pixel(u, v), around.subject, around.ground);
      // A pixel that is no mixture keeps its own colour.
      const float share = 1 + mixture.likeness * (std::clamp(mixture.share, -0.5f, 1.5f) - 1);
      profile_.add(u, v, depth, share, mixture.contrast);
    });
  }

  /// Returns whether the ground's colour reaches farther in than was assumed.
  bool is_wider() const {
    constexpr float kMixed = 0.75f, kPure = 0.985f;
    return profile_.share_between(0, 0.3) < kMixed && profile_.share_between(0.6, 1) < kPure;
  }

  void clear(Image& picture, const Control& control) const {
    parallel_for(height_, 4, [&](int64_t first, int64_t last) {
      each_near(static_cast<int>(first), static_cast<int>(last), control, [&](int u, int v, float depth) {
        const Around around(*this, u, v);
        const Mixture mixture(picture.pixel(u, v), around.subject, around.ground);
        clear_pixel(picture.pixel(u, v), around.ground, mixture, profile_.expected(u, v, depth));
      });
    });
  }

 private:
  static constexpr float kLittle = 0.002f;

  template <typename Visit>
  void each_pixel(int x, int y, const Visit& visit) const {
    for (int v = top_ + y * cell_; v < std::min(top_ + (y + 1) * cell_, bottom_); ++v) {
      for (int u = left_ + x * cell_; u < std::min(left_ + (x + 1) * cell_, right_); ++u) visit(u, v);
    }
  }

  void gather(const Image& picture, int x, int y, std::vector<bool>& is_subject,
              std::vector<bool>& is_ground) {
    Weighted subject, ground;
    each_pixel(x, y, [&](int u, int v) {
      (mask_.at(u, v) >= kOutline ? subject : ground).add(picture.pixel(u, v), 1);
    });
    const size_t i = static_cast<size_t>(y) * width_ + x;
    is_subject[i] = ground.weight == 0;
    is_ground[i] = subject.weight == 0;
    for (const auto& [from, to] : {std::pair{&subject, &subject_.values[i]}, {&ground, &ground_.values[i]}}) {
      if (from->weight == 0) continue;
      for (int c = 0; c < 3; ++c) to->colour[c] = from->colour[c] / from->weight;
      to->weight = 1;
    }
  }

  static void sample(const Cells& cells, double x, double y, float* colour) {
    const int left = std::clamp(static_cast<int>(std::floor(x)), 0, cells.width - 1);
    const int top = std::clamp(static_cast<int>(std::floor(y)), 0, cells.height - 1);
    const int right = std::min(left + 1, cells.width - 1), bottom = std::min(top + 1, cells.height - 1);
    const auto fx = static_cast<float>(std::clamp(x - left, 0.0, 1.0));
    const auto fy = static_cast<float>(std::clamp(y - top, 0.0, 1.0));
    for (int c = 0; c < 3; ++c) {
      colour[c] =
          (1 - fy) * ((1 - fx) * cells.at(left, top).colour[c] + fx * cells.at(right, top).colour[c]) +
          fy * ((1 - fx) * cells.at(left, bottom).colour[c] + fx * cells.at(right, bottom).colour[c]);
    }
  }

  /// The colours of subject and ground around a pixel.
  struct Around {
    float subject[3], ground[3];
    Around(const EdgeColours& edges, int u, int v) {
      const double cx = (u - edges.left_ + 0.5) / edges.cell_ - 0.5,
                   cy = (v - edges.top_ + 0.5) / edges.cell_ - 0.5;
      sample(edges.subject_, cx, cy, subject);
      sample(edges.ground_, cx, cy, ground);
    }
  };

  /// Visits the pixels near the outline, with their depths, in rows of cells.
  template <typename Visit>
  void each_near(int first, int last, const Control& control, const Visit& visit) const {
    for (int y = first; y < last; ++y) {
      control.cancel.check();
      for (int x = 0; x < width_; ++x) {
        each_pixel(x, y, [&](int u, int v) {
          const float depth = profile_.depth(u, v);
          if (profile_.is_near(depth)) visit(u, v, depth);
        });
      }
    }
  }

  const Mask& mask_;
  int left_, top_, right_, bottom_;
  int cell_;   // pixels of the picture a side
  int reach_;  // in cells
  int width_, height_;
  Cells subject_, ground_;
  OutlineProfile profile_;
};

}  // namespace

void clear_edge_colours(Image& picture, const Mask& mask, const Crop& crop, double reach,
                        const Control& control) {
  // An outline wider than this is out of focus by any measure.
  constexpr int kWidest = 4;
  for (int width = 1;; width *= 2) {
    EdgeColours edges(mask, crop, width * reach);
    if (edges.empty()) return;
    edges.look(picture, control);
    if (width < kWidest && edges.is_wider()) continue;
    edges.clear(picture, control);
    return;
  }
}

}  // namespace relievo

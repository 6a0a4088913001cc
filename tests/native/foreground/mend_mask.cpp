#include "foreground/mend_mask.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "foreground/grid_cut.h"
#include "foreground/islands.h"

namespace relievo {
namespace {

constexpr int kSide = 400;
constexpr Float3 kRed{0.8f, 0.2f, 0.15f}, kBlue{0.2f, 0.3f, 0.8f}, kGreen{0.35f, 0.6f, 0.3f};

/// A red disc on the left and a blue one on the right, on green; all of it noisy.
constexpr Float2 kLeft{120, 200}, kRight{290, 210};
constexpr float kRadius = 70;

bool is_in(const Float2& centre, int x, int y) {
  return std::hypot(static_cast<float>(x) + 0.5f - centre[0], static_cast<float>(y) + 0.5f - centre[1]) <
         kRadius;
}

Image two_discs() {
  std::mt19937 random(3);
  std::normal_distribution<float> noise(0, 0.03f);
  Image picture(kSide, kSide, 3);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const Float3& colour = is_in(kLeft, x, y) ? kRed : is_in(kRight, x, y) ? kBlue : kGreen;
      for (int c = 0; c < 3; ++c) picture.pixel(x, y)[c] = std::clamp(colour[c] + noise(random), 0.0f, 1.0f);
    }
  }
  return picture;
}

Mask mask_of(bool has_left, bool has_right) {
  Mask mask(kSide, kSide);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x)
      mask.at(x, y) = (has_left && is_in(kLeft, x, y)) || (has_right && is_in(kRight, x, y)) ? 1.0f : 0.0f;
  }
  return mask;
}

double overlap(const Mask& a, const Mask& b) {
  int both = 0, either = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    both += a.values[i] >= kOutline && b.values[i] >= kOutline;
    either += a.values[i] >= kOutline || b.values[i] >= kOutline;
  }
  return static_cast<double>(both) / either;
}

MaskStroke click(bool is_subject, const Float2& place) { return {is_subject, {place}, 4}; }

TEST(MendMask, TakesInWhatIsClickedOn) {
  const Mask mended = mend_mask(two_discs(), mask_of(true, false), {click(true, kRight)}, {});
  EXPECT_GT(overlap(mended, mask_of(true, true)), 0.98);
}

TEST(MendMask, LeavesOutWhatIsClickedOnAsBackground) {
  const Mask before = mask_of(true, true);
  const Mask mended = mend_mask(two_discs(), before, {click(false, kRight)}, {});
  EXPECT_GT(overlap(mended, mask_of(true, false)), 0.98);
  // The other disc is as it was, to the bit.
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < 200; ++x) ASSERT_EQ(mended.at(x, y), before.at(x, y)) << x << ' ' << y;
  }
}

TEST(MendMask, FollowsALineThatIsPainted) {
  // A line over both discs of a mask that has neither.
  Mask empty(kSide, kSide);
  const MaskStroke line{true, {{80, 200}, {160, 200}}, 6};
  const Mask mended = mend_mask(two_discs(), empty, {line, click(true, kRight)}, {});
  EXPECT_GT(overlap(mended, mask_of(true, true)), 0.97);
}

TEST(MendMask, BelievesTheLastStroke) {
  const std::vector<MaskStroke> strokes{click(true, kRight), {false, {kRight}, 8}};
  const Mask mended = mend_mask(two_discs(), mask_of(true, false), strokes, {});
  EXPECT_GT(overlap(mended, mask_of(true, false)), 0.98);
}

TEST(MendMask, ChangesNothingWithoutStrokesOrWhereTheyAgree) {
  const Mask before = mask_of(true, false);
  EXPECT_EQ(mend_mask(two_discs(), before, {}, {}).values, before.values);
  EXPECT_EQ(mend_mask(two_discs(), before, {click(true, kLeft)}, {}).values, before.values);
  EXPECT_EQ(mend_mask(two_discs(), before, {click(true, {-50, 900})}, {}).values, before.values);
}

TEST(MendMask, MendsAWideAndATinyPicture) {
  for (const auto& [width, height] : {std::pair{900, 30}, std::pair{3, 2}, std::pair{1, 1}}) {
    const Mask mended =
        mend_mask(Image(width, height, 4, 0.5f), Mask(width, height), {click(true, {0, 0})}, {});
    EXPECT_EQ(mended.width, width);
    EXPECT_GE(mended.at(0, 0), kOutline);
  }
}

TEST(MendMask, RefusesAMaskOfAnotherSize) {
  expect_error(ErrorCode::kInvalidImage, "3 x 4", [] { mend_mask(Image(5, 5, 3), Mask(3, 4), {}, {}); });
}

TEST(MendMask, StopsWhenCancelled) {
  Control control;
  control.cancel.cancel();
  expect_error(ErrorCode::kCancelled, "",
               [&] { mend_mask(two_discs(), mask_of(true, false), {click(true, kRight)}, control); });
}

/// The cost of a division, one bit a node.
struct SmallGrid {
  static constexpr int kWidth = 4, kHeight = 3, kNodes = kWidth * kHeight;
  std::array<std::array<float, 2>, kNodes> costs;
  std::array<std::array<float, 4>, kNodes> links;

  explicit SmallGrid(uint32_t seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> any(0, 4);
    for (auto& pair : costs) {
      for (float& cost : pair) cost = any(random);
    }
    for (auto& node : links) {
      for (float& link : node) link = random() % 3 == 0 ? 0.0f : any(random) / 2;
    }
  }

  double cost_of(uint32_t inside) const {
    constexpr std::array<std::array<int, 2>, 4> kSteps{{{1, 0}, {0, 1}, {1, 1}, {-1, 1}}};
    double sum = 0;
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const int node = y * kWidth + x;
        const bool is_inside = (inside >> node & 1) != 0;
        sum += costs[node][is_inside ? 0 : 1];
        for (size_t d = 0; d < 4; ++d) {
          const int column = x + kSteps[d][0], row = y + kSteps[d][1];
          if (column < 0 || column >= kWidth || row >= kHeight) continue;
          if (((inside >> (row * kWidth + column) & 1) != 0) != is_inside) sum += links[node][d];
        }
      }
    }
    return sum;
  }
};

TEST(GridCut, FindsTheCheapestOfAllDivisions) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const SmallGrid grid(seed);
    double least = 1e9;
    for (uint32_t inside = 0; inside < 1u << SmallGrid::kNodes; ++inside)
      least = std::min(least, grid.cost_of(inside));
    GridCut cut(SmallGrid::kWidth, SmallGrid::kHeight);
    for (int node = 0; node < SmallGrid::kNodes; ++node) {
      const int x = node % SmallGrid::kWidth, y = node / SmallGrid::kWidth;
      cut.set_costs(x, y, grid.costs[node][0], grid.costs[node][1]);
      for (const auto d : {GridCut::kRight, GridCut::kDown, GridCut::kDownRight, GridCut::kDownLeft})
        cut.set_link(x, y, d, grid.links[node][d]);
    }
    cut.solve({});
    uint32_t inside = 0;
    for (int node = 0; node < SmallGrid::kNodes; ++node) {
      if (cut.is_inside(node % SmallGrid::kWidth, node / SmallGrid::kWidth)) inside |= 1u << node;
    }
    EXPECT_NEAR(grid.cost_of(inside), least, 1e-4) << seed;
  }
}

}  // namespace
}  // namespace relievo

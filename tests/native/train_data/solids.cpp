#include <cmath>

#include <gtest/gtest.h>

#include "train/data/shapes.h"
#include "train/data/solid.h"

namespace relievo {
namespace {

Surface ball(float radius) { return superquadric({radius, radius, radius}, 1, 1); }

Surface without_top(Surface surface) {
  std::erase_if(surface.faces, [&](const Int3& face) { return area_normal(surface, face)[2] > 1e-4f; });
  return surface;
}

void append(Surface& surface, const Surface& part) {
  const auto first = static_cast<int32_t>(surface.vertices.size());
  surface.vertices.insert(surface.vertices.end(), part.vertices.begin(), part.vertices.end());
  for (const Int3& face : part.faces) {
    surface.faces.push_back({first + face[0], first + face[1], first + face[2]});
  }
}

struct Asked {
  Surface surface;
  std::vector<SeenSides> sides = find_seen_sides(surface, 1);
  Solid solid{surface, sides, kSheetThickness};

  explicit Asked(Surface given) : surface(std::move(given)) {}
  float distance(const Float3& point) {
    Random random(2);
    return solid.at(point, random).distance;
  }
  std::vector<Solid::Interval> along(const Float3& origin, const Float3& direction) {
    Random random(3);
    return solid.along(origin, direction, 4, random);
  }
};

TEST(Solid, DistanceToABoxIsExactOnBothSides) {
  Asked asked(box({0.5f, 0.3f, 0.2f}));
  EXPECT_NEAR(asked.distance({0, 0, 0}), -0.2f, 1e-6);
  EXPECT_NEAR(asked.distance({0.45f, 0, 0}), -0.05f, 1e-6);
  EXPECT_NEAR(asked.distance({0, 0, 0.5f}), 0.3f, 1e-6);
  EXPECT_NEAR(asked.distance({0.8f, 0.7f, 0.2f}), 0.5f, 1e-6);  // 3, 4, 5 from the edge
}

TEST(Solid, FacesThatLookInwardGiveTheSameSign) {
  Surface turned_inside = box({0.5f, 0.3f, 0.2f});
  for (Int3& face : turned_inside.faces) std::swap(face[1], face[2]);
  Asked asked(turned_inside);
  EXPECT_NEAR(asked.distance({0, 0, 0}), -0.2f, 1e-6);
  EXPECT_NEAR(asked.distance({0, 0, 0.5f}), 0.3f, 1e-6);
}

TEST(Solid, AnOpenBoxIsFiveSheetsAndHollow) {
  Asked asked(without_top(box({0.5f, 0.5f, 0.2f})));
  EXPECT_NEAR(asked.distance({0, 0, 0}), 0.2f - kSheetThickness / 2, 1e-6);
  EXPECT_NEAR(asked.distance({0.5f, 0, 0}), -kSheetThickness / 2, 1e-6);
  EXPECT_NEAR(asked.distance({0.6f, 0, 0}), 0.1f - kSheetThickness / 2, 1e-6);
}

TEST(Solid, WhatNobodySeesDoesNotCount) {
  Surface nested = box({0.5f, 0.5f, 0.5f});
  append(nested, box({0.1f, 0.1f, 0.1f}));
  Asked asked(nested);
  EXPECT_NEAR(asked.distance({0.1f, 0, 0}), -0.4f, 1e-6);
}

TEST(Solid, AnIntervalRunsFromFrontToBack) {
  Surface two = ball(0.2f);
  for (Float3& vertex : two.vertices) vertex[0] += 0.6f;
  append(two, box({0.2f, 0.2f, 0.2f}));
  Asked asked(two);
  const auto intervals = asked.along({2, 0.001f, 0.001f}, {-1, 0, 0});
  ASSERT_EQ(intervals.size(), 2u);
  EXPECT_NEAR(intervals[0].begin, 2 - 0.8f, 2e-3);
  EXPECT_NEAR(intervals[0].end, 2 - 0.4f, 2e-3);
  EXPECT_NEAR(intervals[1].begin, 2 - 0.2f, 1e-5);
  EXPECT_NEAR(intervals[1].end, 2 + 0.2f, 1e-5);
}

TEST(Solid, APartThatSticksInAnotherIsOneWithIt) {
  Surface crossed = box({0.5f, 0.1f, 0.1f});
  append(crossed, box({0.1f, 0.1f, 0.5f}));  // whose top and bottom are seen, and the middle of its sides not
  Asked asked(crossed);
  const auto intervals = asked.along({2, 0.01f, 0.02f}, {-1, 0, 0});
  ASSERT_EQ(intervals.size(), 1u);
  EXPECT_NEAR(intervals[0].begin, 1.5f, 1e-5);
  EXPECT_NEAR(intervals[0].end, 2.5f, 1e-5);
}

TEST(Solid, ASheetIsAnIntervalOfItsThickness) {
  Asked asked(without_top(box({0.5f, 0.5f, 0.2f})));
  const auto intervals = asked.along({0.011f, 0.012f, 2}, {0, 0, -1});
  ASSERT_EQ(intervals.size(), 1u);
  EXPECT_NEAR(intervals[0].begin, 2.2f - kSheetThickness / 2, 1e-5);
  EXPECT_NEAR(intervals[0].end, 2.2f + kSheetThickness / 2, 1e-5);
}

TEST(Solid, TouchingPartsAreOneInterval) {
  Surface two = box({0.2f, 0.2f, 0.2f});
  Surface other = box({0.2f, 0.2f, 0.2f});
  for (Float3& vertex : other.vertices) vertex[0] += 0.4001f;
  append(two, other);
  Asked asked(two);
  const auto intervals = asked.along({2, 0.01f, 0.013f}, {-1, 0, 0});
  ASSERT_EQ(intervals.size(), 1u);
  EXPECT_NEAR(intervals[0].end - intervals[0].begin, 0.8f, 1e-3);
}

}  // namespace
}  // namespace relievo

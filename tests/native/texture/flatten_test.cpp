#include "texture/flatten.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "base/vectors.h"
#include "texture/charts.h"
#include "texture/pack.h"
#include "texture/parts.h"

namespace relievo {
namespace {

/// A grid of quads over `columns` x `rows` cells, each split in two, with vertices where `at(u, v)` says, u
/// and v in 0..1.
template <typename At>
Surface sheet(int columns, int rows, const At& at) {
  Surface surface;
  for (int row = 0; row <= rows; ++row) {
    for (int column = 0; column <= columns; ++column) {
      surface.vertices.push_back(at(static_cast<float>(column) / static_cast<float>(columns),
                                    static_cast<float>(row) / static_cast<float>(rows)));
    }
  }
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int a = row * (columns + 1) + column, b = a + 1, c = a + columns + 1, d = c + 1;
      surface.faces.push_back({a, b, d});
      surface.faces.push_back({a, d, c});
    }
  }
  return surface;
}

/// A ramp that winds around the z axis, nearly level, for so many turns.
Surface ramp(float turns) {
  return sheet(12, static_cast<int>(40 * turns), [&](float u, float v) {
    const float angle = v * turns * 2 * std::numbers::pi_v<float>, radius = 0.4f + 0.6f * u;
    return Float3{radius * std::cos(angle), radius * std::sin(angle), 0.1f * v * turns};
  });
}

/// A part of a ball around the z axis, `degrees` wide from its middle to its border.
Surface cap(float degrees) {
  return sheet(24, 24, [&](float u, float v) {
    const float x = 2 * u - 1, y = 2 * v - 1, reach = std::max(std::abs(x), std::abs(y));
    const float angle = reach * degrees * std::numbers::pi_v<float> / 180,
                size = std::max(std::hypot(x, y), 1e-6f);
    return Float3{std::sin(angle) * x / size, std::sin(angle) * y / size, std::cos(angle)};
  });
}

Region all_of(const Surface& surface) {
  Region region{{}, {0, 0, 1}};
  for (size_t f = 0; f < surface.faces.size(); ++f) region.faces.push_back(static_cast<int32_t>(f));
  return region;
}

constexpr float kNoLimit = 1e9f;

Flattened flattened(const Surface& surface, float longest = kNoLimit) {
  return flatten(surface, neighbours_of(surface.faces), all_of(surface), longest);
}

/// Returns whether the middle of each face lies in no other face of the chart.
bool is_one_to_one(const Chart& chart) {
  for (const auto& face : chart.corner_uv) {
    const Float2 middle{(face[0][0] + face[1][0] + face[2][0]) / 3,
                        (face[0][1] + face[1][1] + face[2][1]) / 3};
    int over = 0;
    for (const auto& other : chart.corner_uv) {
      bool is_inside = true;
      for (int c = 0; c < 3; ++c) {
        is_inside = is_inside && uv_area({other[c], other[(c + 1) % 3], middle}) > 0;
      }
      over += is_inside;
    }
    if (over != 1) return false;
  }
  return true;
}

/// The number of charts that each face lies in.
std::vector<int> times_charted(const Surface& surface, const std::vector<Chart>& charts) {
  std::vector<int> times(surface.faces.size(), 0);
  for (const Chart& chart : charts) {
    for (const int32_t f : chart.faces) ++times[f];
  }
  return times;
}

double stretch_of(const Surface& surface, const std::vector<Chart>& charts) {
  Stretch stretch;
  for (const Chart& chart : charts) {
    for (size_t i = 0; i < chart.faces.size(); ++i) {
      stretch.add(surface, surface.faces[chart.faces[i]], chart.corner_uv[i]);
    }
  }
  return stretch.mean();
}

TEST(Flatten, KeepsALevelSheetAsItIs) {
  const Surface surface = sheet(6, 4, [](float u, float v) { return Float3{3 * u, 2 * v, 0.5f}; });
  const Flattened flat = flattened(surface);
  ASSERT_EQ(flat.charts.size(), 1u);
  EXPECT_TRUE(flat.rest.empty());
  EXPECT_NEAR(stretch_of(surface, flat.charts), 1, 1e-5);
  EXPECT_NEAR(std::max(flat.charts[0].size[0], flat.charts[0].size[1]), 3, 1e-4);
  EXPECT_NEAR(std::min(flat.charts[0].size[0], flat.charts[0].size[1]), 2, 1e-4);
}

TEST(Flatten, EvensOutWhatTheProjectionSqueezes) {
  // Seen from above, a cap that is 55 degrees wide is stretched by sqrt(1.25 * 0.79) and more; what Lambert's
  // equal-area map, which is close to the best there is, leaves of that is (cos(t/2)^2 + 1 / cos(t/2)^2) / 2
  // in the mean over the cap: 1.0046.
  const Surface surface = cap(55);
  const Flattened flat = flattened(surface);
  ASSERT_EQ(flat.charts.size(), 1u);
  EXPECT_LT(stretch_of(surface, flat.charts), 1.0092);
}

TEST(Flatten, TurnsNoFaceOver) {
  const Surface surface = cap(55);
  for (const Chart& chart : flattened(surface).charts) {
    for (const auto& corners : chart.corner_uv) EXPECT_GT(uv_area(corners), 0);
  }
}

TEST(Flatten, CutsWhatWouldLieOverItself) {
  for (const float turns : {0.9f, 1.2f, 2.6f}) {
    const Surface surface = ramp(turns);
    const Flattened flat = flattened(surface);
    EXPECT_TRUE(flat.rest.empty());
    EXPECT_EQ(times_charted(surface, flat.charts), std::vector<int>(surface.faces.size(), 1));
    for (const Chart& chart : flat.charts) EXPECT_TRUE(is_one_to_one(chart)) << turns;
    EXPECT_TRUE(turns < 1 || flat.charts.size() > 1) << turns;
  }
}

TEST(Flatten, CutsWhatIsLong) {
  const Surface surface = sheet(80, 8, [](float u, float v) { return Float3{10 * u, v, 0}; });
  const Flattened flat = flattened(surface, 3);
  EXPECT_EQ(times_charted(surface, flat.charts), std::vector<int>(surface.faces.size(), 1));
  EXPECT_GE(flat.charts.size(), 4u);
  for (const Chart& chart : flat.charts) EXPECT_LE(std::max(chart.size[0], chart.size[1]), 3.01f);
}

TEST(Flatten, CutsWhatIsBent) {
  // Half a ring leaves most of its box empty.
  const Surface surface = sheet(8, 60, [](float u, float v) {
    const float angle = v * std::numbers::pi_v<float>, radius = 0.9f + 0.1f * u;
    return Float3{radius * std::cos(angle), radius * std::sin(angle), 0};
  });
  const Flattened flat = flattened(surface, 3);
  EXPECT_GT(flat.charts.size(), 1u);
  EXPECT_EQ(times_charted(surface, flat.charts), std::vector<int>(surface.faces.size(), 1));
}

TEST(Flatten, LeavesToOthersAnEdgeOfThreeFaces) {
  Surface surface;
  surface.vertices = {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {-1, 0, 0}, {1, 0.5f, 0.3f}};
  surface.faces = {{1, 0, 2}, {0, 1, 3}, {1, 0, 4}};
  const Flattened flat = flattened(surface);
  EXPECT_TRUE(flat.charts.empty());
  EXPECT_EQ(flat.rest, (std::vector<int32_t>{0, 1, 2}));
}

TEST(Regions, HoldEveryFaceOnceAndLookOneWay) {
  Surface surface = sheet(64, 32, [](float u, float v) {  // most of a ball
    const float longitude = u * 2 * std::numbers::pi_v<float>,
                latitude = (0.02f + 0.96f * v - 0.5f) * std::numbers::pi_v<float>;
    return Float3{std::cos(latitude) * std::cos(longitude), std::cos(latitude) * std::sin(longitude),
                  std::sin(latitude)};
  });
  const std::vector<Region> regions = divide_by_direction(surface, neighbours_of(surface.faces), {});
  std::vector<int> times(surface.faces.size(), 0);
  for (const Region& region : regions) {
    for (const int32_t f : region.faces) {
      ++times[f];
      EXPECT_GT(dot(unit(area_normal(surface, surface.faces[f])), region.direction), std::cos(1.3f));
    }
  }
  EXPECT_EQ(times, std::vector<int>(surface.faces.size(), 1));
  EXPECT_GE(regions.size(), 6u);   // a cube's sides reach 54.7 degrees from their middles
  EXPECT_LE(regions.size(), 12u);  // a dodecahedron's 37.4
}

TEST(Packing, FillsASquareWithSquares) {
  std::vector<Chart> charts;
  for (int i = 0; i < 16; ++i) {
    charts.push_back({.faces = {2 * i, 2 * i + 1},
                      .corner_uv = {{Float2{0, 0}, {1, 0}, {1, 1}}, {Float2{0, 0}, {1, 1}, {0, 1}}},
                      .size = {1, 1}});
  }
  const Packing packing = pack_charts(charts, 1.0f / 128, 0, 0.61, {});
  // Four in a row, with a gap between and half of it at the borders: (1 - 4 / 128)^2.
  EXPECT_GT(packing.coverage, 0.9);
  EXPECT_LT(packing.coverage, 0.94);
}

TEST(Packing, TakesASquareAsLongAsTheLongestChart) {
  const std::vector<Chart> charts{
      {.faces = {0, 1},
       .corner_uv = {{Float2{0, 0}, {50, 0}, {50, 1}}, {Float2{0, 0}, {50, 1}, {0, 1}}},
       .size = {50, 1}}};
  const Packing packing = pack_charts(charts, 1.0f / 128, 0, 0.61, {});
  EXPECT_NEAR(packing.scale * 50, 1, 0.06);
  for (const Float2& corner : {Float2{0, 0}, Float2{50, 0}, Float2{50, 1}, Float2{0, 1}}) {
    const Float2 uv = placed(packing, 0, charts[0], corner);
    for (const float c : uv) EXPECT_TRUE(c >= 0 && c <= 1) << c;
  }
}

}  // namespace
}  // namespace relievo

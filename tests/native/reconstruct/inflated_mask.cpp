#include "reconstruct/inflated_mask.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "base/mesh.h"

namespace relievo {
namespace {

// Soft shapes: a function of (right, up) in -1..1 that is positive inside, in box units.
using Shape = std::function<float(float, float)>;

/// The shape as an antialiased subject; red grows to the right, green upwards, the background is magenta.
Foreground subject(const Shape& shape, int side = 512) {
  Foreground foreground;
  foreground.image = Image(side, side, 4);
  const float pixel = 2.0f / static_cast<float>(side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float right = -1 + (static_cast<float>(x) + 0.5f) * pixel;
      const float up = 1 - (static_cast<float>(y) + 0.5f) * pixel;
      const float alpha = std::clamp(shape(right, up) / pixel + 0.5f, 0.0f, 1.0f);
      const Float3 colour{(right + 1) / 2, (up + 1) / 2, 0};
      const Float3 background{1, 0, 1};
      float* p = foreground.image.pixel(x, y);
      for (int c = 0; c < 3; ++c) p[c] = std::lerp(background[c], colour[c], alpha);
      p[3] = alpha;
    }
  }
  return foreground;
}

Shape disc(float radius, float right = 0, float up = 0) {
  return [=](float x, float y) { return radius - std::hypot(x - right, y - up); };
}

Shape box(float left, float right, float bottom, float top) {
  return [=](float x, float y) { return std::min({x - left, right - x, y - bottom, top - y}); };
}

Shape united(const Shape& a, const Shape& b) {
  return [=](float x, float y) { return std::max(a(x, y), b(x, y)); };
}

std::unique_ptr<Field> inflated(const Shape& shape, const InflationSettings& settings = {}) {
  return inflate(subject(shape), settings, Execution{});
}

at::Tensor point(float x, float y, float z) { return at::tensor({x, y, z}).view({1, 3}); }

float value_at(const Field& field, float x, float y, float z) {
  return field.values(point(x, y, z)).item<float>();
}

/// The distance along `direction` from `origin` to the shape's surface, within `reach`.
float surface_along(const Field& field, Float3 origin, Float3 direction, float reach = 1.5f) {
  float inside = 0, outside = reach;
  for (int i = 0; i < 40; ++i) {
    const float t = (inside + outside) / 2;
    const bool is_inside = value_at(field, origin[0] + t * direction[0], origin[1] + t * direction[1],
                                    origin[2] + t * direction[2]) < 0;
    (is_inside ? inside : outside) = t;
  }
  return inside;
}

/// The field on the picture's plane, at the centres of `side` x `side` pixels, row 0 at the top.
at::Tensor silhouette(const Field& field, int side) {
  const at::Tensor line = (at::arange(side, at::kFloat) + 0.5f) * (2.0f / static_cast<float>(side)) - 1;
  const auto grid = at::meshgrid({-line, line}, "ij");
  const at::Tensor points = at::stack({at::zeros_like(grid[0]), grid[1], grid[0]}, -1).view({-1, 3});
  return (field.values(points) < 0).view({side, side});
}

at::Tensor mask_of(const Foreground& foreground) {
  const int64_t side = foreground.image.width;
  return at::from_blob(const_cast<float*>(foreground.image.pixels.data()), {side, side, 4}).select(2, 3) >
         0.5;
}

double overlap(const at::Tensor& a, const at::Tensor& b) {
  return (a & b).sum().item<double>() / (a | b).sum().item<double>();
}

TEST(InflatedMask, HeightsOfADiscAreABalls) {
  const auto ball = inflate(subject(disc(0.6f, 0.1f, -0.2f)), {}, Execution{});
  const at::Tensor places = at::tensor({0.1f, -0.2f, 0.4f, -0.2f, 0.1f, 0.2f, 0.9f, 0.5f}).view({4, 2});
  const at::Tensor heights = ball->heights(places);
  EXPECT_NEAR(heights[0].item<double>(), 0.6, 0.005);
  EXPECT_NEAR(heights[1].item<double>(), std::sqrt(0.36 - 0.09), 0.005);
  EXPECT_NEAR(heights[2].item<double>(), std::sqrt(0.36 - 0.16), 0.005);
  EXPECT_EQ(heights[3].item<double>(), 0);
}

TEST(InflatedMask, TurnsADiscIntoABall) {
  constexpr float kRadius = 0.85f;
  const auto field = inflated(disc(kRadius));
  float least = kRadius, most = kRadius;
  for (int i = 0; i < 200; ++i) {  // a spiral over the sphere
    const float up = -1 + (static_cast<float>(i) + 0.5f) / 100;
    const float around = 2.39996f * static_cast<float>(i), across = std::sqrt(1 - up * up);
    const float radius =
        surface_along(*field, {0, 0, 0}, {across * std::cos(around), across * std::sin(around), up});
    least = std::min(least, radius);
    most = std::max(most, radius);
  }
  EXPECT_GT(least, 0.995f * kRadius);
  EXPECT_LT(most, 1.005f * kRadius);
}

TEST(InflatedMask, MeasuresDistancesToABall) {
  const auto field = inflated(disc(0.8f));
  for (const Float3& p : {Float3{0.3f, 0.2f, -0.4f}, Float3{0, 0.7f, 0.1f}, Float3{0.9f, 0.3f, 0.2f},
                          Float3{0, 0.9f, -0.3f}, Float3{-0.1f, 0.1f, 0}}) {
    const float distance = std::hypot(p[0], p[1], p[2]) - 0.8f;
    EXPECT_NEAR(value_at(*field, p[0], p[1], p[2]), distance, 0.02f) << p[0] << ' ' << p[1] << ' ' << p[2];
  }
}

TEST(InflatedMask, HasTheMaskAsItsOutline) {
  // Nothing in it is symmetric, so that every turned axis shows.
  const Foreground foreground = subject(united(
      disc(0.45f, -0.2f, 0.3f), united(box(-0.8f, 0.1f, -0.8f, -0.6f), box(-0.3f, 0.1f, -0.8f, 0.1f))));
  const auto field = inflate(foreground, {}, Execution{});
  EXPECT_GT(overlap(silhouette(*field, 512), mask_of(foreground)), 0.995);
}

TEST(InflatedMask, DrawsAStraightEdgeWithoutSteps) {
  // The half plane right of an edge that leans by one node in ten.
  const auto edge = [](float up) { return -0.31f + 0.1f * up; };
  const auto field = inflated([&](float right, float up) {
    return std::min((right - edge(up)) / std::hypot(1.0f, 0.1f), 0.8f - right);
  });
  for (float up = -0.5f; up < 0.5f; up += 0.013f) {
    const float found = 0.3f - surface_along(*field, {0, 0.3f, up}, {0, -1, 0}, 1.0f);
    EXPECT_NEAR(found, edge(up), 0.1f * 2 / 256) << "up " << up;
  }
}

TEST(InflatedMask, ScalesThicknessByDepth) {
  const Shape shape = united(disc(0.3f, 0.3f, 0.2f), box(-0.7f, 0.2f, -0.3f, 0.3f));
  const auto thickness = [&](float depth) {
    return surface_along(*inflated(shape, {.depth = depth, .thinnest = 0}), {0, -0.1f, 0.05f}, {1, 0, 0});
  };
  const float thickness_at_one = thickness(1);
  EXPECT_NEAR(thickness(0.25f), 0.25f * thickness_at_one, 1e-4f);
  EXPECT_NEAR(thickness(1.5f), 1.5f * thickness_at_one, 1e-4f);
}

TEST(InflatedMask, KeepsWiresThickWhenFlat) {
  const auto field =
      inflated(united(box(-0.8f, 0.8f, -0.05f, 0.05f), disc(0.5f)), {.depth = 0.1f, .thinnest = 0.1f});
  EXPECT_NEAR(surface_along(*field, {0, 0.7f, 0}, {1, 0, 0}), std::sqrt(2.0f) * 0.05f, 0.002f);
  EXPECT_LT(surface_along(*field, {0, 0, 0}, {1, 0, 0}), 0.1f);
}

TEST(InflatedMask, IsAsThickBehindAsInFront) {
  const auto field = inflated(box(-0.6f, 0.4f, -0.7f, 0.2f));
  EXPECT_FLOAT_EQ(surface_along(*field, {0, 0.1f, -0.1f}, {1, 0, 0}),
                  surface_along(*field, {0, 0.1f, -0.1f}, {-1, 0, 0}));
}

TEST(InflatedMask, StaysInTheBoxHoweverDeep) {
  const auto field = inflated(disc(0.85f), {.depth = 4});
  EXPECT_NEAR(surface_along(*field, {0, 0, 0}, {1, 0, 0}), 1, 1e-3f);
}

TEST(InflatedMask, KeepsTheHoleOfARing) {
  const auto field =
      inflated([](float right, float up) { return 0.2f - std::abs(std::hypot(right, up) - 0.6f); });
  EXPECT_GT(value_at(*field, 0, 0, 0), 0.2f);
  EXPECT_GT(value_at(*field, 0, 0, 0.38f), 0);
  EXPECT_LT(value_at(*field, 0, 0, 0.42f), 0);
}

TEST(InflatedMask, InflatesEveryIsland) {
  const auto field = inflated(united(disc(0.3f, -0.5f, 0.5f), disc(0.2f, 0.6f, -0.6f)));
  EXPECT_NEAR(surface_along(*field, {0, -0.5f, 0.5f}, {1, 0, 0}), 0.3f, 0.003f);
  EXPECT_NEAR(surface_along(*field, {0, 0.6f, -0.6f}, {1, 0, 0}), 0.2f, 0.003f);
  EXPECT_GT(value_at(*field, 0, 0, 0), 0);
}

TEST(InflatedMask, EndsAtTheSquaresBorder) {
  const auto field = inflated([](float, float) { return 1.0f; });
  EXPECT_NEAR(surface_along(*field, {0, 0, 0}, {0, 1, 0}), 1, 0.001f);
  EXPECT_NEAR(surface_along(*field, {0, 0, 0}, {0, 0, -1}), 1, 0.001f);
  EXPECT_GT(value_at(*field, 0, 1.05f, 0), 0);
  EXPECT_GT(value_at(*field, 0, 0, -3), 0);
}

TEST(InflatedMask, HasTheHeightOfAStrip) {
  // -u'' = 4 over a strip of half width w: u = 2 (w^2 - z^2), but for the ends.
  const auto field = inflated(box(-0.9f, 0.9f, -0.1f, 0.1f));
  EXPECT_NEAR(surface_along(*field, {0, 0, 0}, {1, 0, 0}), std::sqrt(2.0f) * 0.1f, 0.001f);
}

TEST(InflatedMask, WidensAWireToWhatAGridSees) {
  // One pixel of a 1024 picture, sloping, held by a ball.
  const float slope = 0.4f;
  const Shape wire = [&](float right, float up) {
    return std::min(0.001f - std::abs(up - slope * right) / std::hypot(1.0f, slope), 0.8f - std::abs(right));
  };
  const auto field = inflate(subject(united(disc(0.2f), wire), 1024), {.thinnest = 0.03f}, Execution{});
  for (float right = -0.75f; right < 0.78f; right += 0.01f) {
    ASSERT_LT(value_at(*field, 0, right, slope * right), 0) << "torn at " << right;
  }
  const Float3 across{0, -slope / std::hypot(1.0f, slope), 1 / std::hypot(1.0f, slope)};
  EXPECT_NEAR(surface_along(*field, {0, 0.5f, slope * 0.5f}, across, 0.2f), 0.015f, 0.002f);
  EXPECT_GT(surface_along(*field, {0, 0.5f, slope * 0.5f}, {1, 0, 0}, 0.2f), 0.012f);
}

TEST(InflatedMask, WidensAStemNoFurther) {
  // A stem that is nearly wide enough.
  const auto field = inflate(subject(united(disc(0.2f), box(-0.8f, 0.8f, -0.02f, 0.02f)), 1024),
                             {.thinnest = 0.05f}, Execution{});
  EXPECT_NEAR(surface_along(*field, {0, 0.6f, 0}, {0, 0, 1}, 0.2f), 0.025f, 0.002f);
}

TEST(InflatedMask, WidensAWireToWhatItsOwnGridSees) {
  const auto field = inflate(subject(united(disc(0.2f), box(-0.8f, 0.8f, 0.001f, 0.003f)), 1024),
                             {.side = 128, .thinnest = 0}, Execution{});
  EXPECT_NEAR(surface_along(*field, {0, 0.6f, 0.002f}, {0, 0, 1}, 0.2f), 2.0f / 128, 0.003f);
}

TEST(InflatedMask, LeavesCornersAlone) {
  const Foreground square = subject(box(-0.5f, 0.5f, -0.5f, 0.5f), 1024);
  const auto field = inflate(square, {.thinnest = 0.06f}, Execution{});
  EXPECT_GT(value_at(*field, 0, 0.502f, 0.502f), 0);
  EXPECT_GT(value_at(*field, 0, 0.505f, 0.48f), 0);
}

TEST(InflatedMask, CrossesHalfAlphaOfASoftMask) {
  const auto field = inflated([](float right, float up) { return (0.6f - std::hypot(right, up)) * 0.02f; });
  EXPECT_NEAR(surface_along(*field, {0, 0, 0}, {0, 0.6f, 0.8f}), 0.6f, 0.002f);
}

TEST(InflatedMask, WorksForAFewPixels) {
  Foreground foreground;
  foreground.image = Image(1, 1, 4, 1.0f);
  const auto field = inflate(foreground, {}, Execution{});
  EXPECT_NEAR(surface_along(*field, {0, 0, 0}, {0, 1, 0}), 1, 0.004f);
}

TEST(InflatedMask, IsFiniteEverywhere) {
  const auto field =
      inflated(united(disc(0.4f, 0.5f, 0.5f), united(disc(0.3f, -0.4f, 0.4f), box(-1, 0.2f, -0.2f, 0))),
               {.depth = 0.05f});
  const at::Tensor line = at::linspace(-1.5, 1.5, 61);
  const auto grid = at::meshgrid({line, line, line}, "ij");
  const at::Tensor values = field->values(at::stack(grid, -1).view({-1, 3}));
  EXPECT_TRUE(at::isfinite(values).all().item<bool>());
}

TEST(InflatedMask, FallsAwayFromTheOutline) {
  const auto field = inflated(united(disc(0.3f, -0.5f, 0), disc(0.25f, 0.5f, 0.1f)));
  float before = -std::numeric_limits<float>::max();
  for (float right = -0.5f; right > -1.4f; right -= 0.01f) {
    const float value = value_at(*field, 0, right, 0);
    EXPECT_GE(value, before) << "at " << right;
    before = value;
  }
}

TEST(InflatedMask, IsSmoothAcrossTheGridsNodes) {
  // The direction of f's gradient along the surface, where interpolation by flat pieces would turn by jumps.
  const auto field = inflated(disc(0.8f));
  const float step = 2.0f / 256 / 4;
  float largest_turn = 0;
  const auto normal = [&](float right) {
    const Float3 p{std::sqrt(0.64f - right * right), right, 0};
    const float e = 1e-3f;
    const float x = value_at(*field, p[0] + e, p[1], p[2]) - value_at(*field, p[0] - e, p[1], p[2]);
    const float y = value_at(*field, p[0], p[1] + e, p[2]) - value_at(*field, p[0], p[1] - e, p[2]);
    return std::atan2(y, x);
  };
  for (float right = 0; right < 0.6f; right += step) {
    const float turn = normal(right + step) - normal(right);
    const float expected = std::asin((right + step) / 0.8f) - std::asin(right / 0.8f);
    largest_turn = std::max(largest_turn, std::abs(turn - expected));
  }
  EXPECT_LT(largest_turn, 0.25f * step / 0.8f);
}

TEST(InflatedMask, TakesColoursFromThePicture) {
  const auto field = inflated(disc(0.8f));
  const at::Tensor points = at::tensor({0.5f, 0.3f, -0.4f, -0.5f, 0.3f, -0.4f}).view({2, 3});
  const at::Tensor expected = at::tensor({0.65f, 0.3f, 0.0f}).expand({2, 3});
  EXPECT_TRUE(at::allclose(field->colours(points), expected, 0, 0.003));
}

TEST(InflatedMask, ShowsNoBackgroundColourAtItsBorder) {
  const auto field = inflated(disc(0.8f));
  const at::Tensor around = at::linspace(0, 6.28, 100);
  for (const float radius : {0.78f, 0.8f, 0.82f, 1.0f}) {
    const at::Tensor points =
        at::stack({at::zeros_like(around), radius * at::cos(around), radius * at::sin(around)}, 1);
    // Blue is in the background alone.
    EXPECT_LT(field->colours(points).select(1, 2).max().item<float>(), 0.02f) << "radius " << radius;
  }
}

TEST(InflatedMask, RefusesAnEmptyMask) {
  expect_error(ErrorCode::kNoSubject, "The mask is empty",
               [] { inflated([](float, float) { return -1.0f; }); });
}

TEST(InflatedMask, RefusesSettingsOutOfRange) {
  const std::vector<std::pair<InflationSettings, const char*>> refusals{
      {{.depth = 0}, "Invalid depth '0'."},
      {{.depth = std::numeric_limits<float>::quiet_NaN()}, "Invalid depth 'nan'."},
      {{.side = 15}, "Invalid inflation grid '15'."},
      {{.side = 513}, "Invalid inflation grid '513'."},
      {{.thinnest = -1}, "Invalid smallest width '-1'."},
      {{.thinnest = 1.5f}, "Invalid smallest width '1.5'."}};
  for (const auto& [settings, said] : refusals)
    expect_error(ErrorCode::kInvalidSettings, said, [&] { inflated(disc(0.5f), settings); });
}

TEST(InflatedMask, RefusesAPictureThatIsNoForeground) {
  Foreground flat;
  flat.image = Image(8, 8, 3, 1.0f);
  expect_error(ErrorCode::kInvalidImage, "The foreground has 8 x 8 pixels of 3 channels.",
               [&] { inflate(flat, {}, Execution{}); });
}

TEST(InflatedMask, StopsWhenCancelled) {
  Execution execution;
  execution.control.cancel.cancel();
  expect_error(ErrorCode::kCancelled, "", [&] { inflate(subject(disc(0.5f)), {}, execution); });
}

}  // namespace
}  // namespace relievo

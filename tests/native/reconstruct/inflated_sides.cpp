#include "reconstruct/inflated_sides.h"

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "base/mesh.h"
#include "silhouettes.h"

namespace relievo {
namespace {

std::unique_ptr<Field> shape_of(const std::vector<SidePicture>& sides,
                                const InflationSettings& settings = {}) {
  return inflate_sides(sides, settings, Execution{});
}

/// Half the extent along x at a place, about x = `from`.
float reach(const Field& field, float y, float z, float direction = 1, float from = 0) {
  float inside = 0, outside = 1.5f;
  for (int i = 0; i < 40; ++i) {
    const float t = (inside + outside) / 2;
    (value_at(field, from + direction * t, y, z) < 0 ? inside : outside) = t;
  }
  return inside;
}

TEST(InflatedSides, OfTwoDiscsAreABall) {
  constexpr float kRadius = 0.8f;
  const auto field = shape_of({seen(Side::kFront, disc(kRadius)), seen(Side::kRight, disc(kRadius))});
  for (int i = 0; i < 100; ++i) {  // a spiral over the sphere
    const float up = -1 + (static_cast<float>(i) + 0.5f) / 50;
    const float around = 2.39996f * static_cast<float>(i), across = std::sqrt(1 - up * up);
    const Float3 to{across * std::cos(around), across * std::sin(around), up};
    for (const float off : {-0.01f, 0.01f}) {
      const float radius = kRadius + off;
      EXPECT_NEAR(value_at(*field, radius * to[0], radius * to[1], radius * to[2]), off, 0.006f)
          << to[0] << ' ' << to[1] << ' ' << to[2];
    }
  }
}

TEST(InflatedSides, HaveTheDepthOfTheSide) {
  const auto field = shape_of({seen(Side::kFront, rectangle(-0.3f, 0.3f, -0.8f, 0.8f)),
                               seen(Side::kRight, rectangle(-0.7f, 0.5f, -0.8f, 0.8f))});
  // The picture's right is the object's back: its front, +x, is 0.7 away.
  EXPECT_NEAR(reach(*field, 0, 0.1f), 0.7f, 0.01f);
  EXPECT_NEAR(reach(*field, 0, 0.1f, -1), 0.5f, 0.01f);
  // Half way out, the section is an ellipse about its middle.
  EXPECT_NEAR(reach(*field, 0.15f, 0.1f, 1, 0.1f), 0.6f * std::sqrt(0.75f), 0.02f);
}

TEST(InflatedSides, ReachEveryOutlineThatWasGiven) {
  // A figure with legs, arms to the sides, and a tail behind; and a chair of four legs.
  const Silhouette body = either(rectangle(-0.2f, 0.2f, -0.3f, 0.5f), disc(0.2f, 0, 0.6f));
  const Silhouette arms = rectangle(-0.7f, 0.7f, 0.3f, 0.4f);
  const Silhouette legs = either(rectangle(-0.2f, -0.06f, -0.8f, 0), rectangle(0.06f, 0.2f, -0.8f, 0));
  const Silhouette side = either(either(rectangle(-0.12f, 0.12f, -0.8f, 0.5f), disc(0.2f, 0, 0.6f)),
                                 rectangle(0, 0.6f, -0.2f, -0.14f));
  const Silhouette seat = rectangle(-0.5f, 0.5f, 0, 0.1f);
  const Silhouette posts = either(rectangle(-0.5f, -0.38f, -0.8f, 0.1f), rectangle(0.38f, 0.5f, -0.8f, 0.1f));
  const std::vector<std::vector<SidePicture>> objects{
      {seen(Side::kFront, either(either(body, arms), legs)), seen(Side::kRight, side)},
      {seen(Side::kFront, either(seat, posts)), seen(Side::kLeft, either(seat, posts))},
      {seen(Side::kBack, either(body, legs)), seen(Side::kRight, side)},
      {seen(Side::kFront, rectangle(-0.8f, 0.8f, -0.3f, 0.3f)), seen(Side::kTop, disc(0.8f))},
      {seen(Side::kFront, rectangle(-0.8f, 0.8f, -0.4f, 0.4f)),
       seen(Side::kRight, rectangle(-0.6f, 0.6f, -0.4f, 0.4f)),
       seen(Side::kTop, without(rectangle(-0.8f, 0.8f, -0.6f, 0.6f), rectangle(0, 0.9f, 0, 0.7f)))}};
  for (size_t i = 0; i < objects.size(); ++i) {
    const auto field = shape_of(objects[i]);
    for (const SidePicture& side_picture : objects[i])
      EXPECT_GT(outline_overlap(*field, side_picture), 0.97) << i << ' ' << side_name(side_picture.side);
  }
}

TEST(InflatedSides, KeepWhatNoOutlineClosesOpen) {
  const Silhouette ring = without(disc(0.8f), disc(0.4f));
  const Silhouette thin = rectangle(-0.15f, 0.15f, -0.8f, 0.8f);
  const auto field = shape_of({seen(Side::kFront, ring), seen(Side::kRight, thin)});
  EXPECT_GT(value_at(*field, 0, 0, 0), 0.3f);
  EXPECT_LT(value_at(*field, 0, 0.6f, 0), 0);
  EXPECT_GT(outline_overlap(*field, seen(Side::kFront, ring)), 0.97);
  // Four legs of two seen from the front and two from the side, with nothing between them.
  const Silhouette two = either(rectangle(-0.5f, -0.3f, -0.8f, 0.2f), rectangle(0.3f, 0.5f, -0.8f, 0.2f));
  const Silhouette table = either(two, rectangle(-0.5f, 0.5f, 0.2f, 0.4f));
  const auto legs = shape_of({seen(Side::kFront, table), seen(Side::kRight, table)});
  for (const float x : {-0.4f, 0.4f}) {
    for (const float y : {-0.4f, 0.4f}) EXPECT_LT(value_at(*legs, x, y, -0.5f), 0);
    EXPECT_GT(value_at(*legs, x, 0, -0.5f), 0.05f);
  }
}

TEST(InflatedSides, GiveAnArmItsOwnDepthBesideABody) {
  // The side shows the body alone, behind which the arm hides.
  const Silhouette front = either(rectangle(-0.3f, 0.3f, -0.8f, 0.8f), rectangle(-0.8f, 0.8f, 0.3f, 0.4f));
  const auto field =
      shape_of({seen(Side::kFront, front), seen(Side::kRight, rectangle(-0.3f, 0.3f, -0.8f, 0.8f))});
  EXPECT_NEAR(reach(*field, 0, 0.35f), 0.3f, 0.03f);
  const float arm = reach(*field, 0.6f, 0.35f);
  EXPECT_GT(arm, 0.03f);
  EXPECT_LT(arm, 0.1f);
}

TEST(InflatedSides, HaveNoSharpRidgeWhereTwoOutlinesMeet) {
  // The intersection of two cylinders has ridges of 90 degrees along its diagonals; a round shape turns
  // slowly everywhere but at the ends of its outlines.
  const auto field = shape_of({seen(Side::kFront, rectangle(-0.6f, 0.6f, -0.8f, 0.8f)),
                               seen(Side::kRight, rectangle(-0.6f, 0.6f, -0.8f, 0.8f))});
  const auto normal = [&](float angle) {
    float inside = 0, outside = 1;
    for (int i = 0; i < 30; ++i) {
      const float t = (inside + outside) / 2;
      (value_at(*field, t * std::cos(angle), t * std::sin(angle), 0.1f) < 0 ? inside : outside) = t;
    }
    const float x = inside * std::cos(angle), y = inside * std::sin(angle), e = 2e-3f;
    return std::atan2(value_at(*field, x, y + e, 0.1f) - value_at(*field, x, y - e, 0.1f),
                      value_at(*field, x + e, y, 0.1f) - value_at(*field, x - e, y, 0.1f));
  };
  constexpr float kStep = 0.02f;
  for (float angle = 0.1f; angle < 1.47f; angle += kStep)
    EXPECT_LT(std::abs(normal(angle + kStep) - normal(angle)), 4 * kStep) << angle;
}

TEST(InflatedSides, AreAsRoundAsTheTopSays) {
  const SidePicture front = seen(Side::kFront, rectangle(-0.6f, 0.6f, -0.6f, 0.6f));
  const SidePicture right = seen(Side::kRight, rectangle(-0.6f, 0.6f, -0.6f, 0.6f));
  const auto square = shape_of({front, right, seen(Side::kTop, rectangle(-0.6f, 0.6f, -0.6f, 0.6f))});
  const auto round = shape_of({front, right, seen(Side::kTop, disc(0.6f))});
  EXPECT_LT(value_at(*square, 0.55f, 0.55f, 0), 0);
  EXPECT_GT(value_at(*round, 0.46f, 0.46f, 0), 0);
  EXPECT_LT(value_at(*round, 0.41f, 0.41f, 0), 0);
}

TEST(InflatedSides, OfTheFrontAloneAreTheInflation) {
  const SidePicture front =
      seen(Side::kFront, either(disc(0.4f, -0.2f, 0.3f), rectangle(-0.3f, 0.5f, -0.8f, 0.1f)));
  const auto alone = inflate({front.picture, {}}, {}, Execution{});
  const at::Tensor line = at::linspace(-1.1, 1.1, 40);
  const at::Tensor points = at::stack(at::meshgrid({line, line, line}, "ij"), -1).view({-1, 3});
  EXPECT_TRUE(at::equal(shape_of({front})->values(points), alone->values(points)));
  // A back is seen from the other side.
  EXPECT_TRUE(
      at::equal(shape_of({{Side::kBack, mirrored(front.picture)}})->values(points), alone->values(points)));
}

TEST(InflatedSides, TakeTheMirrorImageForAMissingSide) {
  const Silhouette side = either(rectangle(-0.2f, 0.2f, -0.7f, 0.7f), disc(0.3f, 0.4f, -0.3f));
  const SidePicture front = seen(Side::kFront, rectangle(-0.4f, 0.4f, -0.7f, 0.7f)),
                    left = seen(Side::kLeft, side);
  const at::Tensor line = at::linspace(-1, 1, 30);
  const at::Tensor points = at::stack(at::meshgrid({line, line, line}, "ij"), -1).view({-1, 3});
  const auto of_left = shape_of({front, left});
  EXPECT_TRUE(at::equal(of_left->values(points),
                        shape_of({front, {Side::kRight, mirrored(left.picture)}})->values(points)));
  // The left picture's right is the object's front.
  EXPECT_LT(value_at(*of_left, 0.6f, 0, -0.3f), 0);
  EXPECT_GT(value_at(*of_left, -0.6f, 0, -0.3f), 0);
}

TEST(InflatedSides, KeepAWireThick) {
  const Silhouette front = either(disc(0.3f, 0, -0.5f), rectangle(-0.002f, 0.002f, -0.5f, 0.8f));
  const auto field =
      shape_of({seen(Side::kFront, front, 1024), seen(Side::kRight, front, 1024)}, {.thinnest = 0.03f});
  for (float z = -0.2f; z < 0.78f; z += 0.01f) ASSERT_LT(value_at(*field, 0, 0, z), 0) << z;
  EXPECT_NEAR(reach(*field, 0, 0.3f), 0.015f, 0.004f);
}

TEST(InflatedSides, AreMeshedWithAWireThickAndSettledThin) {
  const Silhouette front = either(disc(0.3f, 0, -0.5f), rectangle(-0.006f, 0.006f, -0.5f, 0.8f));
  const auto field =
      shape_of({seen(Side::kFront, front, 1024), seen(Side::kRight, front, 1024)}, {.thinnest = 0.06f});
  const float thick = reach(*field, 0, 0.3f);
  EXPECT_NEAR(thick, 0.03f, 0.005f);
  const at::Tensor ring = at::tensor({thick, 0.0f, 0.3f, -thick, 0.0f, 0.3f, 0.0f, thick, 0.3f}).view({3, 3});
  const at::Tensor settled = field->settled(ring);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(settled[i].slice(0, 0, 2).norm().item<float>(), 0.006f, 0.002f) << i;
    // Each stays on its own side of the wire.
    EXPECT_GT((settled[i] * ring[i]).slice(0, 0, 2).sum().item<float>(), 0) << i;
    EXPECT_NEAR(settled[i][2].item<float>(), 0.3f, 0.003f) << i;
  }
  // A thick part stays where it is.
  const float radius = reach(*field, 0, -0.5f);
  const at::Tensor ball = at::tensor({radius, 0.0f, -0.5f}).view({1, 3});
  EXPECT_LT((field->settled(ball) - ball).norm().item<float>(), 0.004f);
}

TEST(InflatedSides, RefuseOutlinesThatContradictEachOther) {
  expect_error(ErrorCode::kEmptySurface, "contradict each other", [] {
    shape_of({seen(Side::kFront, either(disc(0.2f, 0, 0.6f), disc(0.2f, 0, -0.6f))),
              seen(Side::kRight, disc(0.3f))});
  });
}

TEST(InflatedSides, RefuseSidesAlone) {
  expect_error(ErrorCode::kInvalidSettings, "neither the front nor the back", [] {
    shape_of({seen(Side::kRight, disc(0.5f)), seen(Side::kTop, disc(0.5f))});
  });
}

TEST(InflatedSides, AreFiniteEverywhere) {
  const auto field = shape_of({seen(Side::kFront, either(disc(0.4f, 0.3f, 0.4f), disc(0.3f, -0.4f, -0.5f))),
                               seen(Side::kRight, disc(0.8f)), seen(Side::kTop, disc(0.7f))});
  const at::Tensor line = at::linspace(-1.5, 1.5, 61);
  const at::Tensor points = at::stack(at::meshgrid({line, line, line}, "ij"), -1).view({-1, 3});
  EXPECT_TRUE(at::isfinite(field->values(points)).all().item<bool>());
}

TEST(InflatedSides, StopWhenCancelled) {
  Execution execution;
  execution.control.cancel.cancel();
  expect_error(ErrorCode::kCancelled, "", [&] {
    inflate_sides({seen(Side::kFront, disc(0.5f)), seen(Side::kRight, disc(0.5f))}, {}, execution);
  });
}

}  // namespace
}  // namespace relievo

#include "texture/projection.h"

#include "base/camera.h"
#include "base/vertex_normals.h"
#include "shapes.h"
#include "texture/texture.h"

namespace relievo {
namespace {

/// A picture of one colour.
Image of_colour(int side, const Float3& colour) {
  Image image(side, side, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = colour[i % 3];
  return image;
}

struct Seen {
  Float3 colour;
  float weight;
};

Seen look(const Projector& projector, const Float3& point, const Float3& normal) {
  Float3 sums{0, 0, 0};
  float weight = 0, best = 0;
  projector.add(point.data(), normal.data(), 1, sums.data(), &weight, &best);
  if (weight > 0) {
    for (float& c : sums) c /= weight;
  }
  return {sums, best};
}

PictureCamera camera_at(double azimuth, double elevation) {
  return {.is_perspective = true, .camera = camera_vector(look_at(on_sphere(azimuth, elevation, 4)), 30)};
}

TEST(Projection, ShowsThePictureTheRightWayRound) {
  // Red grows to the picture's right, which is +Y, and green upwards.
  Image picture(256, 256, 3);
  for (int y = 0; y < 256; ++y) {
    for (int x = 0; x < 256; ++x) {
      picture.pixel(x, y)[0] = (static_cast<float>(x) + 0.5f) / 256;
      picture.pixel(x, y)[1] = 1 - (static_cast<float>(y) + 0.5f) / 256;
    }
  }
  const Projector projector(wall(4), picture, {}, {});
  const Seen seen = look(projector, {0, 0.4f, -0.2f}, {1, 0, 0});
  EXPECT_NEAR(seen.colour[0], 0.7f, 0.003f);
  EXPECT_NEAR(seen.colour[1], 0.4f, 0.003f);
  EXPECT_EQ(seen.weight, 1);
}

TEST(Projection, AgreesWithTheRaysOfACamera) {
  // The pixel's colour is seen where the ray of its centre meets the wall.
  constexpr int kSide = 128;
  Image picture(kSide, kSide, 3);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      picture.pixel(x, y)[0] = static_cast<float>(x) / kSide;
      picture.pixel(x, y)[1] = static_cast<float>(y) / kSide;
    }
  }
  const PictureCamera camera = camera_at(30, 20);
  const Projector projector(wall(4), picture, camera, {});
  const Matrix4 pose = look_at(on_sphere(30, 20, 4));
  for (const auto& [x, y] : {std::pair{64, 64}, {50, 70}, {80, 40}}) {
    const Ray ray = pixel_ray(pose, 30, kSide, x, y);
    const double t = -ray.origin[0] / ray.direction[0];
    const Float3 point{0, static_cast<float>(ray.origin[1] + t * ray.direction[1]),
                       static_cast<float>(ray.origin[2] + t * ray.direction[2])};
    const Seen seen = look(projector, point, {1, 0, 0});
    ASSERT_GT(seen.weight, 0);
    EXPECT_NEAR(seen.colour[0], static_cast<float>(x) / kSide, 1e-3f);
    EXPECT_NEAR(seen.colour[1], static_cast<float>(y) / kSide, 1e-3f);
  }
}

TEST(Projection, OrthographicAgreesWithThePinholeInThePlaneThroughTheOrigin) {
  // Red grows to the picture's right and green downwards.
  constexpr int kSide = 128;
  Image picture(kSide, kSide, 3);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      picture.pixel(x, y)[0] = (static_cast<float>(x) + 0.5f) / kSide;
      picture.pixel(x, y)[1] = (static_cast<float>(y) + 0.5f) / kSide;
    }
  }
  PictureCamera pinhole = camera_at(0, 0), orthographic = pinhole;
  orthographic.is_perspective = false;
  const Surface at_origin = wall(4), in_front = wall(4, 0.5f);
  const Float3 point{0, 0.4f, -0.3f}, nearer{0.5f, 0.4f, -0.3f}, towards{1, 0, 0};
  const Seen as_pinhole = look(Projector(at_origin, picture, pinhole, {}), point, towards);
  const Seen seen = look(Projector(at_origin, picture, orthographic, {}), point, towards);
  const Seen seen_nearer = look(Projector(in_front, picture, orthographic, {}), nearer, towards);
  ASSERT_GT(seen.weight, 0);
  for (int c = 0; c < 2; ++c) {
    EXPECT_NEAR(seen.colour[c], as_pinhole.colour[c], 2e-3f);
    EXPECT_NEAR(seen_nearer.colour[c], seen.colour[c], 1e-5f);  // nothing grows as it comes nearer
  }
  EXPECT_GT(seen.colour[0], 0.6f);
  EXPECT_GT(seen.colour[1], 0.6f);
}

TEST(Projection, ReachesNothingBehindSomethingElse) {
  Surface surface = wall(4);
  append(surface, wall(4, 0.5f, 0.4f));  // in front of its middle
  for (const PictureCamera& camera : {PictureCamera{}, camera_at(0, 0)}) {
    const Projector projector(surface, of_colour(256, {1, 0, 0}), camera, {});
    EXPECT_EQ(look(projector, {0, 0, 0}, {1, 0, 0}).weight, 0);
    EXPECT_EQ(look(projector, {0, 0.2f, -0.25f}, {1, 0, 0}).weight, 0);
    EXPECT_EQ(look(projector, {0.5f, 0, 0}, {1, 0, 0}).weight, 1);
    EXPECT_GT(look(projector, {0, 0.7f, 0}, {1, 0, 0}).weight, 0.9f);
  }
}

TEST(Projection, CountsLessTheMoreTheSurfaceTurnsAway) {
  const Projector projector(wall(4), of_colour(64, {1, 0, 0}), {}, {});
  float last = 1.1f;
  for (const float degrees : {50.0f, 60.0f, 70.0f, 77.0f}) {
    const float angle = degrees / 180 * std::numbers::pi_v<float>;
    const float weight = look(projector, {0, 0, 0}, {std::cos(angle), std::sin(angle), 0}).weight;
    EXPECT_LT(weight, last);
    EXPECT_GT(weight, 0);
    last = weight;
  }
  EXPECT_EQ(look(projector, {0, 0, 0}, {0.1f, 0.995f, 0}).weight, 0);
  EXPECT_EQ(look(projector, {0, 0, 0}, {-1, 0, 0}).weight, 0);
}

TEST(Projection, TrustsNoColourAtAnOutline) {
  Surface surface = wall(4, 0, 0.9f);
  append(surface, wall(4, 0.5f, 0.4f));
  const Projector projector(surface, of_colour(512, {1, 0, 0}), {}, {});
  EXPECT_LT(look(projector, {0, 0.899f, 0}, {1, 0, 0}).weight, 0.05f);     // its own outline
  EXPECT_LT(look(projector, {0.5f, 0.399f, 0}, {1, 0, 0}).weight, 0.05f);  // before something
  EXPECT_LT(look(projector, {0, 0.402f, 0}, {1, 0, 0}).weight, 0.1f);      // behind something
  EXPECT_EQ(look(projector, {0.5f, 0.3f, 0}, {1, 0, 0}).weight, 1);
}

TEST(Projection, TrustsNoColourThatIsTransparent) {
  Image picture(128, 128, 4, 1.0f);
  for (int y = 0; y < 128; ++y) {
    for (int x = 64; x < 128; ++x) picture.pixel(x, y)[3] = 0;
  }
  const Projector projector(wall(4), picture, {}, {});
  EXPECT_EQ(look(projector, {0, -0.5f, 0}, {1, 0, 0}).weight, 1);
  EXPECT_EQ(look(projector, {0, 0.5f, 0}, {1, 0, 0}).weight, 0);
}

TEST(Projection, LeavesOutWhatLiesBehindTheCamera) {
  Surface surface = wall(4);
  append(surface, wall(4, 5));  // behind a camera at x = 4
  const Projector projector(surface, of_colour(64, {1, 0, 0}), camera_at(0, 0), {});
  EXPECT_EQ(look(projector, {5, 0, 0}, {1, 0, 0}).weight, 0);
  EXPECT_EQ(look(projector, {0, 0, 0}, {1, 0, 0}).weight, 1);
}

/// A foreground of one colour, opaque all over.
Foreground front_of(const Float3& colour) {
  Foreground front;
  front.image = Image(128, 128, 4, 1.0f);
  for (size_t i = 0; i < front.image.pixels.size(); ++i) {
    if (i % 4 < 3) front.image.pixels[i] = colour[i % 4];
  }
  return front;
}

Float3 vertex_colour_towards(const TexturedMesh& mesh, const Float3& direction) {
  const auto along = [&](const Float3& v) {
    return v[0] * direction[0] + v[1] * direction[1] + v[2] * direction[2];
  };
  const auto found = std::ranges::max_element(mesh.surface.vertices, {}, along);
  return mesh.vertex_colours[found - mesh.surface.vertices.begin()];
}

TEST(Texture, BlendsTheFrontPictureOverTheField) {
  const Foreground front = front_of({1, 0, 0});
  const TexturedMesh mesh = texture_surface(ball(0.7f), plain(0, 0, 1), {.front = &front}, {.size = 256}, {});
  EXPECT_EQ(vertex_colour_towards(mesh, {1, 0, 0}), (Float3{1, 0, 0}));
  EXPECT_EQ(vertex_colour_towards(mesh, {-1, 0, 0}), (Float3{0, 0, 1}));
  EXPECT_EQ(vertex_colour_towards(mesh, {0, 1, 0}), (Float3{0, 0, 1}));
}

TEST(Texture, LeavesPicturesOutWhereProjectionIsOff) {
  const Foreground front = front_of({1, 0, 0});
  const TexturedMesh mesh = texture_surface(ball(0.7f, 10), plain(0, 0, 1), {.front = &front},
                                            {.size = 64, .projection = false}, {});
  for (size_t i = 0; i < mesh.albedo.pixels.size(); i += 3) ASSERT_EQ(mesh.albedo.pixels[i], 0);
}

TEST(Texture, BlendsEachViewWhereItLooks) {
  Views views;
  views.pixels = at::zeros({6, 3, 64, 64});
  at::Tensor cameras = at::empty({6, 16});
  const std::vector<CameraVector> six = six_view_cameras();
  for (int v = 0; v < 6; ++v) {
    views.pixels[v][0].fill_(static_cast<float>(v + 1) / 8);
    for (int i = 0; i < 16; ++i) cameras[v][i] = six[v][i];
  }
  views.cameras = cameras;
  const TexturedMesh mesh = texture_surface(ball(0.7f), plain(0, 0, 1), {.views = &views}, {.size = 256}, {});
  for (int v = 0; v < 6; ++v) {
    const Vector3 from = on_sphere(30 + 60 * v, v % 2 == 0 ? 20 : -10, 1);
    const Float3 colour = vertex_colour_towards(
        mesh, {static_cast<float>(from[0]), static_cast<float>(from[1]), static_cast<float>(from[2])});
    EXPECT_NEAR(colour[0], static_cast<float>(v + 1) / 8, 0.02f);
    EXPECT_NEAR(colour[2], 0, 0.02f);
  }
}

TEST(Texture, RefusesPicturesOfTheWrongShape) {
  Foreground front;
  front.image = Image(4, 5, 4);
  expect_error(ErrorCode::kInvalidImage, "The foreground has 4 x 5 pixels of 4 channels.",
               [&] { texture_surface(ball(0.7f, 4), plain(1, 1, 1), {.front = &front}, {.size = 64}, {}); });
  Views views{at::zeros({2, 3, 8, 8}), at::zeros({1, 16})};
  expect_error(ErrorCode::kInvalidSettings, "The views are not square pictures with one camera each.",
               [&] { texture_surface(ball(0.7f, 4), plain(1, 1, 1), {.views = &views}, {.size = 64}, {}); });
}

}  // namespace
}  // namespace relievo

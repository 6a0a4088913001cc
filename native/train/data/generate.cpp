#include "train/data/generate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "train/data/random.h"
#include "train/data/shapes.h"

namespace relievo {
namespace {

constexpr float kTurn = 2 * std::numbers::pi_v<float>;

Float3 random_colour(Random& random) {
  // Hue, saturation and value, so that strong colours are as common as greys.
  const float hue = 6 * random.share(), saturation = random.chance(0.3f) ? 0.1f : random.between(0.2f, 0.95f);
  const float value = random.between(0.15f, 1);
  Float3 colour{};
  for (size_t i = 0; i < 3; ++i) {
    const float place = std::fmod(hue + 6 - 2 * static_cast<float>(i), 6.0f);
    const float pure = std::clamp(std::abs(place - 3) - 1, 0.0f, 1.0f);
    colour[i] = value * (1 - saturation * (1 - pure));
  }
  return colour;
}

/// Hands out materials: a few for an object, some of them patterned or lettered.
class Palette {
 public:
  Palette(ShapeBuilder& builder, Random& random) : builder_(builder), random_(random) {}

  int plain() { return builder_.material(base()); }
  int any() {
    if (random_.chance(0.45f)) return plain();
    return patterned(static_cast<Pattern>(random_.whole(1, 5)));
  }
  int patterned(Pattern pattern) {
    Material material = base();
    material.pattern = pattern;
    material.second = random_colour(random_);
    material.period = random_.between(0.04f, pattern == Pattern::kClouds ? 0.4f : 0.2f);
    material.seed = static_cast<uint64_t>(random_.whole(0, 1 << 30));
    return builder_.material(material);
  }

 private:
  Material base() {
    Material material;
    material.colour = random_colour(random_);
    material.roughness = random_.between(0.1f, 1);
    material.shine = random_.chance(0.15f) ? random_.between(0.2f, 0.8f) : 0.04f;
    return material;
  }

  ShapeBuilder& builder_;
  Random& random_;
};

struct Workshop {
  ShapeBuilder builder;
  Random random;
  Palette palette;
  explicit Workshop(uint64_t seed) : random(seed), palette(builder, random) {}

  float between(float low, float high) { return random.between(low, high); }
  /// A round or an edged block, or something between.
  Surface block(const Float3& half) {
    if (random.chance(0.4f)) return box(half);
    return superquadric(half, between(0.15f, 1.2f), between(0.15f, 1.2f));
  }
};

/// A smooth curve of radii: control values with cosines between them.
std::vector<Float2> random_profile(Workshop& w, float height, float least, float most) {
  std::vector<float> controls(static_cast<size_t>(w.random.whole(3, 7)));
  for (float& radius : controls) radius = w.between(least, most);
  std::vector<Float2> profile;
  constexpr int kSteps = 24;
  for (int i = 0; i <= kSteps; ++i) {
    const float place = static_cast<float>(i) / kSteps * static_cast<float>(controls.size() - 1);
    const auto low = std::min(static_cast<size_t>(place), controls.size() - 2);
    const float t = (1 - std::cos((place - static_cast<float>(low)) * kTurn / 2)) / 2;
    profile.push_back({controls[low] + t * (controls[low + 1] - controls[low]),
                       height * (static_cast<float>(i) / kSteps - 0.5f)});
  }
  return profile;
}

std::vector<Float2> random_outline(Workshop& w, float radius) {
  std::vector<Float2> outline;
  const int corners = w.random.whole(3, 9);
  const float depth = w.random.chance(0.5f) ? 1.0f : w.between(0.4f, 0.9f);
  const int count = depth < 1 ? 2 * corners : corners;
  for (int i = 0; i < count; ++i) {
    const float angle = kTurn * static_cast<float>(i) / static_cast<float>(count);
    const float r = depth < 1 && i % 2 == 1 ? depth * radius : radius;
    outline.push_back({r * std::cos(angle), r * std::sin(angle)});
  }
  return outline;
}

void make_vessel(Workshop& w) {
  const float height = w.between(0.4f, 1.6f);
  auto outer = random_profile(w, height, 0.12f, 0.5f);
  if (w.random.chance(0.6f)) {  // hollow: the profile goes down again inside
    const float wall = w.between(0.02f, 0.05f), bottom = outer.front()[1] + w.between(0.03f, 0.1f);
    for (size_t i = outer.size(); i-- > 0;) {
      if (outer[i][1] < bottom) break;
      outer.push_back({std::max(outer[i][0] - wall, 0.01f), outer[i][1]});
    }
  }
  w.builder.add(lathe(outer, 32), {}, w.palette.any());
  if (!w.random.chance(0.5f)) return;
  const float reach = w.between(0.1f, 0.25f), radius = w.between(0.02f, 0.05f);
  const float at = outer[12][0] - 0.02f, half = height * w.between(0.15f, 0.3f);
  std::vector<Float3> path;
  for (int i = 0; i <= 12; ++i) {
    const float angle = kTurn / 2 * (static_cast<float>(i) / 12 - 0.5f);
    path.push_back({0, at + reach * std::cos(angle), half * std::sin(angle)});
  }
  const Surface handle = tube(path, std::vector<float>(path.size(), radius));
  const int material = w.palette.plain();
  w.random.chance(0.5f) ? w.builder.add(handle, {}, material) : w.builder.add_mirrored(handle, {}, material);
}

void make_stack(Workshop& w) {
  float top = 0;
  const int count = w.random.whole(2, 6);
  for (int i = 0; i < count; ++i) {
    const float height = w.between(0.08f, 0.35f), radius = w.between(0.12f, 0.5f);
    const Transform where = moved_to({w.between(-0.05f, 0.05f), w.between(-0.05f, 0.05f), top + height / 2})
                                .after(turned(2, w.between(0, kTurn)));
    const Surface part = w.random.chance(0.4f)
                             ? extrusion(random_outline(w, radius), height, w.between(0.5f, 1.1f))
                         : w.random.chance(0.5f) ? w.block({radius, w.between(0.12f, 0.5f), height / 2})
                                                 : lathe(random_profile(w, height, radius / 2, radius));
    w.builder.add(part, where, w.palette.any());
    top += 0.97f * height;
  }
}

void make_machine(Workshop& w) {
  const Float3 body{w.between(0.2f, 0.5f), w.between(0.15f, 0.4f), w.between(0.15f, 0.45f)};
  w.builder.add(w.block(body), {}, w.palette.any());
  const int count = w.random.whole(1, 5);
  for (int i = 0; i < count; ++i) {
    const Float3 half{w.between(0.04f, 0.2f), w.between(0.04f, 0.15f), w.between(0.04f, 0.2f)};
    const Float3 place{w.between(-1, 1) * body[0], body[1] * w.between(0.5f, 1.1f),
                       w.between(-1, 1) * body[2]};
    if (w.random.chance(0.3f)) {
      const Float3 end{place[0] + w.between(-0.3f, 0.3f), place[1] + w.between(0.1f, 0.4f),
                       place[2] + w.between(-0.3f, 0.3f)};
      w.builder.add_mirrored(tube({{place[0], place[1] - 0.1f, place[2]}, place, end}, {0.04f, 0.04f, 0.03f}),
                             {}, w.palette.plain());
    } else {
      w.builder.add_mirrored(w.block(half),
                             moved_to(place).after(turned(w.random.whole(0, 2), w.between(0, 1))),
                             w.palette.any());
    }
  }
  if (w.random.chance(0.5f)) {
    w.builder.add(lathe(random_profile(w, w.between(0.1f, 0.4f), 0.05f, 0.2f)),
                  moved_to({w.between(-0.3f, 0.3f) * body[0], 0, body[2] + 0.1f}), w.palette.plain());
  }
}

void add_wheel(Workshop& w, const Float3& place, float radius, float width, int tyre, int rim) {
  const Transform upright = turned(0, kTurn / 4);
  w.builder.add_mirrored(lathe({{0.8f * radius, -width / 2},
                                {radius, -width / 3},
                                {radius, width / 3},
                                {0.8f * radius, width / 2}}),
                         moved_to(place).after(upright), tyre);
  w.builder.add_mirrored(lathe({{0.5f * radius, -width * 0.56f}, {0.55f * radius, width * 0.56f}}, 16),
                         moved_to(place).after(upright), rim);
}

void make_vehicle(Workshop& w) {
  const float length = w.between(0.6f, 1.2f), width = w.between(0.3f, 0.5f), radius = w.between(0.09f, 0.18f);
  const float body_height = w.between(0.15f, 0.3f), clearance = 0.7f * radius;
  const int paint = w.palette.any(), glass = w.palette.plain(), tyre = w.palette.plain(),
            rim = w.palette.plain();
  const float floor = clearance + body_height / 2;
  w.builder.add(
      superquadric({length / 2, width / 2, body_height / 2}, w.between(0.1f, 0.4f), w.between(0.1f, 0.4f)),
      moved_to({0, 0, floor}), paint);
  const float cabin = length * w.between(0.25f, 0.6f), cabin_height = w.between(0.12f, 0.35f);
  const float at = w.between(-0.15f, 0.15f) * length, roof = floor + body_height / 2;
  const std::vector<Float2> plan{{-cabin / 2, -0.46f * width},
                                 {cabin / 2, -0.46f * width},
                                 {cabin / 2, 0.46f * width},
                                 {-cabin / 2, 0.46f * width}};
  w.builder.add(extrusion(plan, cabin_height, w.between(0.65f, 1)),
                moved_to({at, 0, roof + cabin_height / 2 - 0.01f}), glass);
  w.builder.add(box({0.36f * cabin, 0.38f * width, 0.012f}), moved_to({at, 0, roof + cabin_height}), paint);
  if (w.random.chance(0.35f)) {  // a load
    w.builder.add(w.block({0.2f * length, 0.45f * width, w.between(0.08f, 0.25f)}),
                  moved_to({-0.28f * length, 0, roof + 0.1f}), w.palette.any());
  }
  const int axles = w.random.whole(2, 3);
  for (int i = 0; i < axles; ++i) {
    const float x = length * (-0.33f + 0.66f * static_cast<float>(i) / static_cast<float>(axles - 1));
    add_wheel(w, {x, width / 2, radius}, radius, 0.09f, tyre, rim);
  }
}

void make_house(Workshop& w) {
  const Float3 half{w.between(0.25f, 0.6f), w.between(0.25f, 0.5f), w.between(0.15f, 0.5f)};
  const int wall = w.palette.any(), roof = w.palette.any(), trim = w.palette.plain(),
            window = w.palette.plain();
  w.builder.add(box(half), moved_to({0, 0, half[2]}), wall);
  const float slope = w.between(0.1f, 0.45f), over = w.between(0.02f, 0.1f), top = 2 * half[2];
  if (w.random.chance(0.7f)) {  // a gable: a triangle along x
    const std::vector<Float2> gable{{-half[1] - over, 0}, {half[1] + over, 0}, {0, slope}};
    const Transform along_x{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {0, 0, top}};
    w.builder.add(extrusion(gable, 2 * (half[0] + over)), along_x, roof);
  } else {
    const std::vector<Float2> plan{{-half[0] - over, -half[1] - over},
                                   {half[0] + over, -half[1] - over},
                                   {half[0] + over, half[1] + over},
                                   {-half[0] - over, half[1] + over}};
    w.builder.add(extrusion(plan, slope, w.between(0.05f, 0.9f)), moved_to({0, 0, top + slope / 2}), roof);
  }
  if (w.random.chance(0.6f)) {
    w.builder.add(box({0.05f, 0.05f, 0.15f + slope / 2}),
                  moved_to({0.5f * half[0], 0.4f * half[1], top + slope / 2}), trim);
  }
  const int columns = w.random.whole(1, 4), rows = w.random.whole(1, 3);
  for (int column = 0; column < columns; ++column) {
    for (int row = 0; row < rows; ++row) {
      const float x = half[0] * (2 * (static_cast<float>(column) + 0.5f) / static_cast<float>(columns) - 1);
      const float z = top * (static_cast<float>(row) + 0.6f) / static_cast<float>(rows);
      w.builder.add_mirrored(box({0.2f * half[0] / static_cast<float>(columns) * 2, 0.015f,
                                  0.28f * top / static_cast<float>(rows)}),
                             moved_to({x, half[1], z}), window);
    }
  }
  w.builder.add(box({0.015f, 0.07f, 0.14f}), moved_to({half[0], 0, 0.14f}), trim);
  if (w.random.chance(0.3f)) {  // a wing or a tower
    const Float3 wing{w.between(0.12f, 0.3f), w.between(0.12f, 0.3f), half[2] * w.between(0.5f, 1.8f)};
    w.builder.add(box(wing), moved_to({half[0] * 0.6f, half[1], wing[2]}), wall);
    w.builder.add(extrusion(random_outline(w, 1.3f * std::max(wing[0], wing[1])), 0.25f, 0.05f),
                  moved_to({half[0] * 0.6f, half[1], 2 * wing[2] + 0.12f}), roof);
  }
}

/// A limb of two bones from `from`; `out` is how far it stands off.
void add_limb(Workshop& w, const Float3& from, const Float3& joint, const Float3& end, float radius,
              int material, bool is_mirrored) {
  const Surface limb = tube({from, joint, end}, {radius, 0.9f * radius, 0.7f * radius}, 12);
  is_mirrored ? w.builder.add_mirrored(limb, {}, material) : w.builder.add(limb, {}, material);
  const Surface tip = superquadric({1.3f * radius, radius, 0.9f * radius}, 1, 1);
  is_mirrored ? w.builder.add_mirrored(tip, moved_to(end), material)
              : w.builder.add(tip, moved_to(end), material);
}

void make_character(Workshop& w) {
  const float leg = w.between(0.25f, 0.7f), torso = w.between(0.3f, 0.55f), head = w.between(0.1f, 0.25f);
  const float broad = w.between(0.12f, 0.28f), thick = broad * w.between(0.55f, 0.9f);
  const int skin = w.palette.plain(), top = w.palette.any(), trousers = w.palette.any(),
            hair = w.palette.plain();
  const float hip = leg, shoulder = leg + torso;
  w.builder.add(superquadric({thick, broad, 0.55f * torso}, w.between(0.4f, 1), w.between(0.6f, 1)),
                moved_to({0, 0, hip + torso / 2}), top);
  w.builder.add(
      superquadric({head * w.between(0.8f, 1), head * w.between(0.75f, 1), head}, w.between(0.7f, 1), 1),
      moved_to({0, 0, shoulder + 0.85f * head + 0.04f}), skin);
  if (w.random.chance(0.7f)) {
    w.builder.add(superquadric({head, head, 0.6f * head}, w.between(0.5f, 1), 1),
                  moved_to({-0.1f * head, 0, shoulder + 1.45f * head}), hair);
  }
  if (w.random.chance(0.5f)) {  // eyes
    w.builder.add_mirrored(superquadric({0.12f * head, 0.14f * head, 0.14f * head}, 1, 1),
                           moved_to({0.9f * head, 0.35f * head, shoulder + head}), hair);
  }
  const float arm = w.between(0.05f, 0.08f), lift = w.between(-1.2f, 1.2f), bend = w.between(-0.2f, 0.8f);
  const float reach = torso * w.between(0.4f, 0.6f);
  const Float3 from{0, 0.9f * broad, shoulder - 0.1f};
  const Float3 elbow{0, from[1] + reach * std::cos(lift), from[2] + reach * std::sin(lift)};
  const Float3 hand{bend * reach, elbow[1] + 0.6f * reach * std::cos(lift),
                    elbow[2] + 0.7f * reach * std::sin(lift)};
  add_limb(w, from, elbow, hand, arm, w.random.chance(0.5f) ? top : skin, true);
  const float stride = w.random.chance(0.5f) ? w.between(0, 0.5f) * leg : 0, apart = 0.5f * broad;
  for (const float side : {-1.0f, 1.0f}) {
    add_limb(w, {0, side * apart, hip + 0.05f}, {side * 0.6f * stride, side * apart, 0.5f * leg},
             {side * stride, side * apart, 0.06f}, w.between(0.07f, 0.1f), trousers, false);
  }
}

void make_animal(Workshop& w) {
  const float length = w.between(0.3f, 0.6f), girth = w.between(0.12f, 0.3f), leg = w.between(0.1f, 0.6f);
  const int fur = w.palette.any(), other = w.palette.plain();
  const float back = leg + girth;
  w.builder.add(superquadric({length, girth, girth * w.between(0.8f, 1.1f)}, 1, w.between(0.7f, 1)),
                moved_to({0, 0, back}), fur);
  const float head = girth * w.between(0.5f, 0.9f), rise = w.between(0, 0.5f);
  const Float3 at{length + w.between(0, 0.2f), 0, back + rise};
  w.builder.add(tube({{0.7f * length, 0, back}, at}, {0.7f * girth, 0.6f * head}, 14), {}, fur);
  w.builder.add(superquadric({head * w.between(1, 1.6f), head, head}, 1, 1),
                moved_to({at[0] + 0.4f * head, 0, at[2]}), fur);
  w.builder.add_mirrored(superquadric({0.15f * head, 0.3f * head, w.between(0.4f, 1.2f) * head}, 1, 1),
                         moved_to({at[0], 0.6f * head, at[2] + head}), other);
  const float thick = w.between(0.04f, 0.09f);
  for (const float x : {-0.7f, 0.7f}) {
    add_limb(w, {x * length, 0.6f * girth, back},
             {x * length + w.between(-0.05f, 0.05f), 0.65f * girth, 0.5f * leg},
             {x * length, 0.65f * girth, thick}, thick, other, true);
  }
  std::vector<Float3> tail;
  for (int i = 0; i < 8; ++i) {
    const float t = static_cast<float>(i) / 7;
    tail.push_back(
        {-0.9f * length - 0.4f * t, 0.1f * std::sin(4 * t), back + w.between(0.2f, 0.22f) * t * 2});
  }
  w.builder.add(tube(tail, {0.05f, 0.05f, 0.045f, 0.04f, 0.035f, 0.03f, 0.025f, 0.02f}), {}, fur);
}

void make_furniture(Workshop& w) {
  const Float3 half{w.between(0.2f, 0.6f), w.between(0.2f, 0.6f), w.between(0.015f, 0.06f)};
  const float height = w.between(0.25f, 0.8f), leg = w.between(0.02f, 0.05f), inset = w.between(0.75f, 0.95f);
  const int board = w.palette.any(), wood = w.palette.plain();
  w.builder.add(w.random.chance(0.25f) ? lathe({{half[0], -half[2]}, {half[0], half[2]}}, 32) : box(half),
                moved_to({0, 0, height}), board);
  const float splay = w.between(0, 0.12f);
  for (const float x : {-1.0f, 1.0f}) {
    const float px = x * half[0] * inset * 0.9f, py = half[1] * inset * 0.9f;
    w.builder.add_mirrored(tube({{px + x * splay, py + splay, 0}, {px, py, height}}, {0.8f * leg, leg},
                                w.random.chance(0.5f) ? 4 : 12),
                           {}, wood);
  }
  if (w.random.chance(0.6f)) {  // a back
    const float rise = w.between(0.25f, 0.7f);
    w.builder.add(w.block({0.03f, half[1], rise / 2}),
                  moved_to({-half[0], 0, height + rise / 2}).after(turned(1, -w.between(0, 0.2f))), board);
  }
  if (w.random.chance(0.4f)) {
    w.builder.add(box({0.9f * half[0], 0.9f * half[1], 0.015f}),
                  moved_to({0, 0, height * w.between(0.25f, 0.6f)}), wood);
  }
}

void make_sign(Workshop& w) {
  const float width = w.between(0.25f, 0.6f), height = w.between(0.15f, 0.6f), pole = w.between(0, 0.8f);
  const int board = w.palette.patterned(Pattern::kLetters), other = w.palette.plain();
  const Transform upright{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {0, 0, pole + height}};
  const bool is_plate = w.random.chance(0.5f);
  w.builder.add(
      is_plate ? box({0.02f, width, height}) : extrusion(random_outline(w, height), w.between(0.03f, 0.2f)),
      is_plate ? moved_to({0, 0, pole + height}) : upright, board);
  if (pole > 0.2f)
    w.builder.add(tube({{-0.03f, 0, 0}, {-0.03f, 0, pole + height}}, {0.025f, 0.025f}), {}, other);
  if (pole > 0.2f) w.builder.add(lathe({{0.15f, 0}, {0.1f, 0.04f}}), {}, other);
}

void make_knot(Workshop& w) {
  std::vector<Float3> path;
  const Float3 waves{w.between(0.5f, 2.5f), w.between(0.5f, 2.5f), w.between(0.3f, 2)};
  const Float3 phase{w.between(0, kTurn), w.between(0, kTurn), w.between(0, kTurn)};
  constexpr int kSteps = 64;
  std::vector<float> radii;
  const float radius = w.between(0.025f, 0.09f);
  for (int i = 0; i < kSteps; ++i) {
    const float t = kTurn * static_cast<float>(i) / kSteps;
    path.push_back({0.5f * std::sin(waves[0] * t + phase[0]), 0.5f * std::sin(waves[1] * t + phase[1]),
                    0.5f * std::sin(waves[2] * t + phase[2])});
    radii.push_back(radius * (1 + 0.3f * std::sin(3 * t)));
  }
  w.builder.add(tube(path, radii, 12), {}, w.palette.any());
  if (w.random.chance(0.5f))
    w.builder.add(superquadric({0.15f, 0.15f, 0.15f}, 1, 1), moved_to(path.front()), w.palette.plain());
}

struct Family {
  const char* name;
  void (*make)(Workshop&);
};
constexpr std::array<Family, 10> kFamilies{{{"vessel", make_vessel},
                                            {"stack", make_stack},
                                            {"machine", make_machine},
                                            {"vehicle", make_vehicle},
                                            {"house", make_house},
                                            {"character", make_character},
                                            {"animal", make_animal},
                                            {"furniture", make_furniture},
                                            {"sign", make_sign},
                                            {"knot", make_knot}}};

const Family& family_of(int number) { return kFamilies[static_cast<size_t>(number) % kFamilies.size()]; }

}  // namespace

Origin generated_origin(int number) {
  return {fmt::format("generated-{:05}", number), "generated",
          std::string("generated-") + family_of(number).name,
          "GPL-3.0-or-later, with the weights' own terms for what is learnt of it", "the authors of Relievo"};
}

Object generate_object(int number) {
  Workshop workshop(seed_of("generated", static_cast<uint64_t>(number)));
  family_of(number).make(workshop);
  return workshop.builder.take();
}

}  // namespace relievo

#include "train/data/picture.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/vectors.h"

namespace relievo {
namespace {

constexpr float kNever = std::numeric_limits<float>::infinity();

Float3 linear(const Float3& encoded) {
  return {linear_from_srgb(encoded[0]), linear_from_srgb(encoded[1]), linear_from_srgb(encoded[2])};
}
Float3 product(const Float3& a, const Float3& b) { return {a[0] * b[0], a[1] * b[1], a[2] * b[2]}; }
void add(Float3& sum, const Float3& what, float factor) {
  for (size_t i = 0; i < 3; ++i) sum[i] += factor * what[i];
}
Float3 tinted(Random& random, float strength, float warmth) {
  const float tint = warmth * random.between(-1, 1);
  return {strength * (1 + tint), strength, strength * (1 - tint)};
}
Float3 reflected(const Float3& towards_viewer, const Float3& normal) {
  Float3 result = scaled(towards_viewer, -1);
  add(result, normal, 2 * dot(normal, towards_viewer));
  return result;
}

class Shader {
 public:
  Shader(const Scene& scene, const Lights& lights, Random& random)
      : scene_(scene), lights_(lights), random_(random) {
    ground_ = kNever;
    for (const Float3& vertex : scene.object.surface.vertices) ground_ = std::min(ground_, vertex[2]);
  }

  /// The light that leaves the hit point against the ray's direction.
  Float3 light_at(const ViewFrame::PixelRay& ray, const SurfacePoint& hit) {
    const Object& object = scene_.object;
    const Material& material = object.materials[object.face_material[hit.face]];
    const Float3 towards_viewer = scaled(ray.direction, -1);
    Float3 flat = unit(area_normal(object.surface, object.surface.faces[hit.face]));
    Float3 normal{};
    for (size_t corner = 0; corner < 3; ++corner) {
      add(normal, scene_.normals[hit.face][corner], hit.weights[corner]);
    }
    normal = unit(normal);
    if (dot(flat, towards_viewer) < 0) {
      flat = scaled(flat, -1);
      normal = scaled(normal, -1);
    }
    if (dot(normal, towards_viewer) < 0.05f) normal = flat;
    Float3 place = ray.origin;
    add(place, ray.direction, hit.distance);
    add(place, flat, 2e-4f);

    const Float3 albedo = linear(colour_at(object, hit.face, hit.weights));
    Float3 around{};
    constexpr int kAround = 8;
    for (int i = 0; i < kAround; ++i) {
      add(around, seen_along(place, random_.cosine_direction(normal), albedo), 1.0f / kAround);
    }
    Float3 result = product(albedo, around);
    Float3 key = lights_.key_direction;
    add(key, random_.direction(), lights_.key_size);
    key = unit(key);
    const float facing = dot(normal, key);
    if (facing > 0 && dot(flat, key) > 0 && !scene_.rays.is_blocked(place, key, 0, kNever)) {
      add(result, product(albedo, lights_.key_colour), facing);
      add_highlight(result, material, normal, towards_viewer, key, facing);
    }
    const float grazing = std::pow(1 - std::clamp(dot(normal, towards_viewer), 0.0f, 1.0f), 5.0f);
    const float mirrored = (material.shine + (1 - material.shine) * grazing) * (1 - material.roughness);
    if (mirrored > 0.01f) {
      Float3 direction = reflected(towards_viewer, normal);
      add(direction, random_.direction(), 0.7f * material.roughness);
      if (dot(direction, flat) > 0) add(result, seen_along(place, unit(direction), albedo), mirrored);
    }
    return result;
  }

 private:
  Float3 sky(const Float3& direction) const {
    const float height = std::clamp(direction[2], 0.0f, 1.0f);
    Float3 light{};
    add(light, lights_.horizon_colour, 1 - height);
    add(light, lights_.sky_colour, height);
    return scaled(light, 1 + 0.7f * dot(direction, lights_.bright_side));
  }

  Float3 seen_along(const Float3& place, const Float3& direction, const Float3& albedo) const {
    if (scene_.rays.is_blocked(place, direction, 0, kNever)) {
      // What is between two parts of one object is lit by their colour.
      return scaled(product(albedo, lights_.horizon_colour), 0.25f);
    }
    if (direction[2] >= 0) return sky(direction);
    // The ground lies in the object's shadow close to it.
    const float distance = (place[2] - ground_) / -direction[2];
    return scaled(lights_.ground_colour, distance / (distance + 0.15f));
  }

  void add_highlight(Float3& result, const Material& material, const Float3& normal,
                     const Float3& towards_viewer, const Float3& key, float facing) const {
    Float3 half = key;
    add(half, towards_viewer, 1);
    half = unit(half);
    // Blinn and Phong's lobe, normalised, with Schlick's Fresnel term.
    const float power = 2 / std::pow(std::max(material.roughness, 0.15f), 4.0f);
    const float fresnel =
        material.shine + (1 - material.shine) * std::pow(1 - std::clamp(dot(half, key), 0.0f, 1.0f), 5.0f);
    const float lobe = (power + 8) / 8 * std::pow(std::max(dot(normal, half), 0.0f), power);
    add(result, lights_.key_colour, std::min(fresnel * lobe * facing, 4.0f));
  }

  const Scene& scene_;
  const Lights& lights_;
  Random& random_;
  float ground_ = 0;
};

struct Pixel {
  Float3 light{};  // mean over the rays that met the object
  float alpha = 0;
};

std::vector<Pixel> trace(const Scene& scene, const ViewFrame& frame, const Lights& lights, int side,
                         Random& random) {
  Shader shader(scene, lights, random);
  std::vector<Pixel> pixels(static_cast<size_t>(side) * side);
  const float step = 2.0f / static_cast<float>(side);
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      Pixel& pixel = pixels[static_cast<size_t>(row) * side + column];
      int met = 0;
      for (int i = 0; i < 4; ++i) {
        const float x = static_cast<float>(column) + 0.25f + 0.5f * static_cast<float>(i % 2);
        const float y = static_cast<float>(row) + 0.25f + 0.5f * static_cast<float>(i / 2);
        const ViewFrame::PixelRay ray = frame.pixel_ray(-1 + x * step, 1 - y * step);
        const std::optional<SurfacePoint> hit = scene.rays.first(ray.origin, ray.direction);
        if (!hit) continue;
        ++met;
        add(pixel.light, shader.light_at(ray, *hit), 1);
      }
      pixel.alpha = static_cast<float>(met) / 4;
      if (met > 0) pixel.light = scaled(pixel.light, 1 / static_cast<float>(met));
    }
  }
  return pixels;
}

/// The factor that gives the subject the mean brightness that is asked for, as a camera's exposure does.
float exposure_of(const std::vector<Pixel>& pixels, float wanted) {
  double sum = 0, count = 0;
  for (const Pixel& pixel : pixels) {
    if (pixel.alpha == 0) continue;
    sum += 0.2126 * pixel.light[0] + 0.7152 * pixel.light[1] + 0.0722 * pixel.light[2];
    count += 1;
  }
  const double mean = count > 0 ? sum / count : 0;
  return mean > 1e-6 ? linear_from_srgb(wanted) / static_cast<float>(mean) : 1;
}

}  // namespace

std::vector<std::array<Float3, 3>> corner_normals(const Surface& surface) {
  constexpr float kSmooth = 0.766f;  // the cosine of 40 degrees
  std::vector<std::vector<int32_t>> around(surface.vertices.size());
  std::vector<Float3> face_normals;
  for (const Int3& face : surface.faces) {
    for (const int32_t v : face) around[v].push_back(static_cast<int32_t>(face_normals.size()));
    face_normals.push_back(area_normal(surface, face));
  }
  std::vector<std::array<Float3, 3>> normals(surface.faces.size());
  for (size_t i = 0; i < normals.size(); ++i) {
    const Float3 own = unit(face_normals[i]);
    for (size_t corner = 0; corner < 3; ++corner) {
      Float3 sum{};
      for (const int32_t other : around[surface.faces[i][corner]]) {
        if (dot(unit(face_normals[other]), own) > kSmooth) add(sum, face_normals[other], 1);
      }
      normals[i][corner] = unit(sum);
    }
  }
  return normals;
}

Lights Lights::draw(Random& random, const ViewFrame& frame) {
  Lights lights;
  const Float3 camera = frame.pixel_ray(0, 0).origin;
  do {  // from above, and rarely from behind
    lights.key_direction = random.direction();
  } while (lights.key_direction[2] < 0.15f ||
           (dot(lights.key_direction, camera) < 0 && !random.chance(0.3f)));
  lights.key_colour = tinted(random, random.between(0, 2.5f), 0.15f);
  lights.key_size = random.between(0.03f, 0.6f);
  lights.sky_colour = tinted(random, random.between(0.5f, 1.2f), 0.15f);
  lights.horizon_colour = scaled(lights.sky_colour, random.between(0.6f, 1.3f));
  lights.ground_colour = tinted(random, random.between(0.1f, 0.8f), 0.2f);
  lights.bright_side = scaled(random.direction(), random.share());
  lights.exposure = random.between(0.3f, 0.68f);
  lights.has_ground_behind = random.chance(0.6f);
  const float grey = random.chance(0.5f) ? random.between(0.85f, 1) : random.share();
  for (float& channel : lights.behind) channel = std::clamp(grey + random.between(-0.1f, 0.1f), 0.0f, 1.0f);
  return lights;
}

ByteImage render_picture(const Scene& scene, const ViewFrame& frame, const Lights& lights, int side,
                         Random& random) {
  const std::vector<Pixel> pixels = trace(scene, frame, lights, side, random);
  const float exposure = exposure_of(pixels, lights.exposure);
  ByteImage picture(side, side, 4);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const Pixel& pixel = pixels[i];
    if (pixel.alpha == 0) continue;
    for (size_t channel = 0; channel < 3; ++channel) {
      float value = std::min(srgb_from_linear(exposure * pixel.light[channel]), 1.0f);
      if (lights.has_ground_behind) {
        value = pixel.alpha * value + (1 - pixel.alpha) * lights.behind[channel];
      }
      picture.pixels[4 * i + channel] = static_cast<uint8_t>(std::lround(255 * value));
    }
    picture.pixels[4 * i + 3] = static_cast<uint8_t>(std::lround(255 * pixel.alpha));
  }
  return picture;
}

}  // namespace relievo

#include "train/data/object.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/vectors.h"
#include "train/data/random.h"

namespace relievo {
namespace {

// A letter is three columns of five rows, from the top left, bit 14 first.
constexpr std::array<uint16_t, 36> kLetters{
    0b010101111101101, 0b110101110101110, 0b011100100100011, 0b110101101101110, 0b111100110100111,
    0b111100110100100, 0b011100101101011, 0b101101111101101, 0b111010010010111, 0b001001001101010,
    0b101101110101101, 0b100100100100111, 0b101111111101101, 0b110101101101101, 0b010101101101010,
    0b110101110100100, 0b010101101110011, 0b110101110101101, 0b011100010001110, 0b111010010010010,
    0b101101101101111, 0b101101101101010, 0b101101111111101, 0b101101010101101, 0b101101010010010,
    0b111001010100111, 0b111101101101111, 0b010110010010111, 0b110001010100111, 0b110001010001110,
    0b101101111001001, 0b111100110001110, 0b011100111101111, 0b111001010010010, 0b111101111101111,
    0b111101111001110};

bool is_ink(float u, float v, uint64_t seed) {
  // A line of letters is one period high: five rows of a letter, and two of space; four columns a letter.
  const float row = (1 - (v - std::floor(v))) * 7 - 1, column = u * 7;
  if (row < 0 || row >= 5) return false;
  const auto letter_index = static_cast<int64_t>(std::floor(column / 4));
  const int x = static_cast<int>(std::floor(column - 4 * static_cast<float>(letter_index)));
  if (x > 2) return false;
  const auto line = static_cast<int64_t>(std::floor(v));
  const uint64_t mixed = (static_cast<uint64_t>(letter_index) * 0x9e3779b97f4a7c15ull) ^
                         (static_cast<uint64_t>(line) * 0xbf58476d1ce4e5b9ull) ^ seed;
  const uint16_t letter = kLetters[(mixed * 0x94d049bb133111ebull >> 33) % kLetters.size()];
  return (letter >> (14 - (static_cast<int>(row) * 3 + x)) & 1) != 0;
}

float lattice(int64_t x, int64_t y, int64_t z, uint64_t seed) {
  uint64_t h = seed ^ static_cast<uint64_t>(x) * 0x9e3779b97f4a7c15ull ^
               static_cast<uint64_t>(y) * 0xbf58476d1ce4e5b9ull ^
               static_cast<uint64_t>(z) * 0x94d049bb133111ebull;
  h ^= h >> 31;
  h *= 0xd6e8feb86659fd93ull;
  return static_cast<float>(h >> 40) * 0x1p-24f;
}

/// Value noise: smooth, about 0..1.
float clouds(const Float3& p, uint64_t seed) {
  std::array<int64_t, 3> cell{};
  Float3 t{};
  for (size_t axis = 0; axis < 3; ++axis) {
    const float low = std::floor(p[axis]);
    cell[axis] = static_cast<int64_t>(low);
    const float s = p[axis] - low;
    t[axis] = s * s * (3 - 2 * s);
  }
  float sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    const int x = corner & 1, y = corner >> 1 & 1, z = corner >> 2;
    sum += (x ? t[0] : 1 - t[0]) * (y ? t[1] : 1 - t[1]) * (z ? t[2] : 1 - t[2]) *
           lattice(cell[0] + x, cell[1] + y, cell[2] + z, seed);
  }
  return sum;
}

/// The second colour's share, 0..1, at a point whose face looks along `normal`.
float share_of_second(const Material& material, const Float3& point, const Float3& normal) {
  const Float3 p = scaled(point, 1 / material.period);
  const Float3 size{std::abs(normal[0]), std::abs(normal[1]), std::abs(normal[2])};
  float u = p[0], v = p[1];
  if (size[0] >= size[1] && size[0] >= size[2]) {
    u = normal[0] > 0 ? p[1] : -p[1];
    v = p[2];
  } else if (size[1] >= size[2]) {
    u = normal[1] > 0 ? -p[0] : p[0];
    v = p[2];
  }
  const auto is_odd = [](float x) { return (static_cast<int64_t>(std::floor(x)) & 1) != 0; };
  switch (material.pattern) {
    case Pattern::kPlain:
      return 0;
    case Pattern::kStripes:
      return is_odd(2 * (material.seed % 2 == 0 ? u : v)) ? 1.0f : 0.0f;
    case Pattern::kChecks:
      return is_odd(2 * u) != is_odd(2 * v) ? 1.0f : 0.0f;
    case Pattern::kDots: {
      const float x = u - std::floor(u) - 0.5f, y = v - std::floor(v) - 0.5f;
      return x * x + y * y < 0.09f ? 1.0f : 0.0f;
    }
    case Pattern::kClouds: {
      const float noise =
          0.65f * clouds(p, material.seed) + 0.35f * clouds(scaled(p, 2.3f), material.seed + 1);
      return std::clamp((noise - 0.3f) * 2.5f, 0.0f, 1.0f);
    }
    case Pattern::kLetters:
      return is_ink(u, v, material.seed) ? 1.0f : 0.0f;
  }
  return 0;
}

Float3 look_up(const Image& picture, float u, float v) {
  const auto wrapped = [](float x, int size) {
    const float place = (x - std::floor(x)) * static_cast<float>(size);
    return std::clamp(static_cast<int>(place), 0, size - 1);
  };
  const float* pixel = picture.pixel(wrapped(u, picture.width), wrapped(1 - v, picture.height));
  return {pixel[0], pixel[1], pixel[2]};
}

}  // namespace

void normalise(Object& object) {
  Surface& surface = object.surface;
  const auto count = static_cast<int32_t>(surface.vertices.size());
  for (const Float3& vertex : surface.vertices) {
    for (const float x : vertex) {
      if (!(std::abs(x) < 1e9f)) {
        throw Error(ErrorCode::kInvalidImage, "A vertex is not a number, or too far away.",
                    "Export the object again.");
      }
    }
  }
  Float3 low{}, high{};
  low.fill(std::numeric_limits<float>::max());
  high.fill(std::numeric_limits<float>::lowest());
  for (const Int3& face : surface.faces) {
    for (const int32_t v : face) {
      if (v < 0 || v >= count) {
        throw Error(ErrorCode::kInvalidImage, "A face names a vertex that is not there.",
                    "Export the object again.");
      }
      for (size_t axis = 0; axis < 3; ++axis) {
        low[axis] = std::min(low[axis], surface.vertices[v][axis]);
        high[axis] = std::max(high[axis], surface.vertices[v][axis]);
      }
    }
  }
  const float size =
      surface.faces.empty() ? 0 : std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]});
  if (!(size > 0)) {
    throw Error(ErrorCode::kEmptySurface, "The object has no size.", "Give a mesh with faces.");
  }
  for (Float3& vertex : surface.vertices) {
    for (size_t axis = 0; axis < 3; ++axis) {
      vertex[axis] = (vertex[axis] - (low[axis] + high[axis]) / 2) / size;
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < surface.faces.size(); ++i) {
    if (!(length(area_normal(surface, surface.faces[i])) > 1e-10f)) continue;
    surface.faces[kept] = surface.faces[i];
    object.face_material[kept] = object.face_material[i];
    if (!object.corner_uv.empty()) object.corner_uv[kept] = object.corner_uv[i];
    ++kept;
  }
  if (kept < 4) {
    throw Error(ErrorCode::kEmptySurface, "The object has fewer than four faces with an area.",
                "Give a mesh with faces.");
  }
  surface.faces.resize(kept);
  object.face_material.resize(kept);
  if (!object.corner_uv.empty()) object.corner_uv.resize(kept);
}

Float3 colour_at(const Object& object, int face, const Float3& weights) {
  const Int3& corners = object.surface.faces[face];
  const Material& material = object.materials[object.face_material[face]];
  const auto mixed = [&](const auto& value) {
    Float3 sum{};
    for (size_t corner = 0; corner < 3; ++corner) {
      const Float3& at = value(corner);
      for (size_t axis = 0; axis < 3; ++axis) sum[axis] += weights[corner] * at[axis];
    }
    return sum;
  };
  Float3 colour = material.colour;
  if (material.pattern != Pattern::kPlain) {
    const Float3 point =
        mixed([&](size_t corner) -> const Float3& { return object.surface.vertices[corners[corner]]; });
    const float share = share_of_second(material, point, area_normal(object.surface, corners));
    for (size_t i = 0; i < 3; ++i) colour[i] += share * (material.second[i] - colour[i]);
  }
  if (material.picture >= 0 && !object.corner_uv.empty()) {
    float u = 0, v = 0;
    for (size_t corner = 0; corner < 3; ++corner) {
      u += weights[corner] * object.corner_uv[face][corner][0];
      v += weights[corner] * object.corner_uv[face][corner][1];
    }
    const Float3 seen = look_up(object.pictures[material.picture], u, v);
    for (size_t i = 0; i < 3; ++i) colour[i] *= seen[i];
  }
  if (!object.vertex_colours.empty()) {
    const Float3 seen =
        mixed([&](size_t corner) -> const Float3& { return object.vertex_colours[corners[corner]]; });
    for (size_t i = 0; i < 3; ++i) colour[i] *= seen[i];
  }
  return colour;
}

}  // namespace relievo

// Random numbers that are the same with every standard library.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string_view>

#include "base/vectors.h"

namespace relievo {

/// FNV-1a of a name: the seed of what belongs to it, whatever was made before.
inline uint64_t seed_of(std::string_view name, uint64_t seed = 0) {
  uint64_t hash = 0xcbf29ce484222325ull ^ (seed * 0x9e3779b97f4a7c15ull);
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  return hash;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  /// In 0..1, without 1.
  float share() { return static_cast<float>(engine_() >> 40) * 0x1p-24f; }
  float between(float low, float high) { return low + (high - low) * share(); }
  /// In low..high, both included.
  int whole(int low, int high) {
    return low + static_cast<int>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(float probability) { return share() < probability; }

  float normal() {
    const float radius = std::sqrt(-2 * std::log(1 - share()));
    return radius * std::cos(2 * std::numbers::pi_v<float> * share());
  }
  /// Uniform on the unit sphere.
  Float3 direction() {
    const float z = between(-1, 1), angle = 2 * std::numbers::pi_v<float> * share();
    const float r = std::sqrt(1 - z * z);
    return {r * std::cos(angle), r * std::sin(angle), z};
  }
  /// About `normal`, with a density that is proportional to the cosine.
  Float3 cosine_direction(const Float3& normal_) {
    const Float3 d = direction();
    const Float3 sum = {normal_[0] + d[0], normal_[1] + d[1], normal_[2] + d[2]};
    return length(sum) > 1e-4f ? unit(sum) : normal_;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace relievo

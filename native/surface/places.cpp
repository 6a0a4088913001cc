#include "surface/places.h"

#include <bit>
#include <cmath>

#include "base/vectors.h"

namespace relievo {
namespace {

constexpr int32_t kNone = -1;

int64_t floored(double value) { return static_cast<int64_t>(std::floor(value)); }

}  // namespace

Places::Places(const std::vector<Float3>& vertices, double reach)
    : reach_(reach),
      cell_(2 * reach),
      first_(std::bit_ceil(vertices.size() + 1), kNone),
      next_(vertices.size(), kNone),
      at_(vertices.size()) {}

size_t Places::bucket_of_cell(int64_t x, int64_t y, int64_t z) const {
  uint64_t hash = 0;
  for (const int64_t coordinate : {x, y, z}) {
    hash = (hash ^ static_cast<uint64_t>(coordinate)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  return hash & (first_.size() - 1);
}

size_t Places::bucket_of(const Float3& at) const {
  return bucket_of_cell(floored(at[0] / cell_), floored(at[1] / cell_), floored(at[2] / cell_));
}

void Places::insert(int32_t vertex, const Float3& at) {
  int32_t& first = first_[bucket_of(at)];
  at_[vertex] = at;
  next_[vertex] = first;
  first = vertex;
}

void Places::remove(int32_t vertex, const Float3& at) {
  for (int32_t* link = &first_[bucket_of(at)]; *link != kNone; link = &next_[*link]) {
    if (*link != vertex) continue;
    *link = next_[vertex];
    return;
  }
}

bool Places::has_near(const Float3& place, int32_t but, int32_t and_but) const {
  const auto low = [&](size_t axis) { return floored((place[axis] - reach_) / cell_); };
  const auto high = [&](size_t axis) { return floored((place[axis] + reach_) / cell_); };
  for (int64_t x = low(0); x <= high(0); ++x) {
    for (int64_t y = low(1); y <= high(1); ++y) {
      for (int64_t z = low(2); z <= high(2); ++z) {
        for (int32_t v = first_[bucket_of_cell(x, y, z)]; v != kNone; v = next_[v]) {
          if (v != but && v != and_but && length(minus_in_double(at_[v], place)) <= reach_) return true;
        }
      }
    }
  }
  return false;
}

}  // namespace relievo

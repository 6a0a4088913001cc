#include "texture/regions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <queue>
#include <tuple>

#include "base/vectors.h"

namespace relievo {
namespace {

// The cosine of the widest angle between a face and its region's direction. Faces that turn away further
// would be squeezed in the plane.
const float kWidest = std::cos(60.0f * 3.14159265f / 180);
// Regions of less than this share of the surface may be wider, rather than a chart of their own.
constexpr double kSmall = 0.003;
const float kWidestSmall = std::cos(72.0f * 3.14159265f / 180);

constexpr int kRounds = 12;   // in which regions are added
constexpr int kSettling = 2;  // rounds after the last one that added some

class Division {
 public:
  Division(const Surface& surface, const std::vector<Int3>& neighbours)
      : neighbours_(neighbours),
        normal_(surface.faces.size()),
        area_(surface.faces.size()),
        region_(surface.faces.size(), -1) {
    for (size_t f = 0; f < surface.faces.size(); ++f) {
      const Float3 normal = area_normal(surface, surface.faces[f]);
      area_[f] = length(normal) / 2;
      normal_[f] = unit(normal);
      if (area_[f] > 0) whole_area_ += area_[f];
    }
    seed_components();
  }

  /// Gives every face to a region: each grows from its seed over the faces that differ least from its
  /// direction.
  void grow() {
    std::ranges::fill(region_, -1);
    using Reached = std::tuple<float, int32_t, int32_t>;  // difference, face, region
    std::vector<Reached> memory;
    memory.reserve(normal_.size());
    std::priority_queue<Reached, std::vector<Reached>, std::greater<>> front({}, std::move(memory));
    const auto reach = [&](int32_t face, int32_t region) {
      front.emplace(1 - dot(normal_[face], directions_[region]), face, region);
    };
    for (size_t r = 0; r < seeds_.size(); ++r) reach(seeds_[r], static_cast<int32_t>(r));
    while (!front.empty()) {
      const auto [difference, face, region] = front.top();
      front.pop();
      if (region_[face] >= 0) continue;
      region_[face] = region;
      for (const int32_t n : neighbours_[face]) {
        if (n >= 0 && region_[n] < 0 && area_[n] > 0) reach(n, region);
      }
    }
  }

  /// Turns each region's direction to the mean of its faces, and takes the face that is nearest to it for its
  /// seed.
  void settle() {
    std::vector<Float3> sums(seeds_.size(), Float3{0, 0, 0});
    for (size_t f = 0; f < normal_.size(); ++f) {
      if (region_[f] < 0) continue;
      for (int axis = 0; axis < 3; ++axis) sums[region_[f]][axis] += area_[f] * normal_[f][axis];
    }
    for (size_t r = 0; r < sums.size(); ++r) {
      if (length(sums[r]) > 0) directions_[r] = unit(sums[r]);
    }
    std::vector<float> best(seeds_.size(), -2);
    for (size_t f = 0; f < normal_.size(); ++f) {
      if (region_[f] < 0) continue;
      const float cosine = dot(normal_[f], directions_[region_[f]]);
      if (cosine <= best[region_[f]]) continue;
      best[region_[f]] = cosine;
      seeds_[region_[f]] = static_cast<int32_t>(f);
    }
  }

  /// Adds a region at the face of each region that turns away most, where that is too far; returns whether
  /// there was one.
  bool divide() {
    struct Worst {
      float cosine = kWidest;
      int32_t face = -1;
    };
    std::vector<Worst> worst(seeds_.size());
    for (size_t f = 0; f < normal_.size(); ++f) {
      if (region_[f] < 0) continue;
      const float cosine = dot(normal_[f], directions_[region_[f]]);
      Worst& there = worst[region_[f]];
      if (cosine < there.cosine) there = {cosine, static_cast<int32_t>(f)};
    }
    const size_t before = seeds_.size();
    for (const Worst& there : worst) {
      if (there.face < 0) continue;
      seeds_.push_back(there.face);
      directions_.push_back(normal_[there.face]);
    }
    return seeds_.size() > before;
  }

  std::vector<Region> regions() const {
    std::vector<Region> result(seeds_.size());
    for (size_t f = 0; f < region_.size(); ++f) {
      if (region_[f] >= 0) result[region_[f]].faces.push_back(static_cast<int32_t>(f));
    }
    for (Region& region : result) turn(region);
    std::erase_if(result, [](const Region& region) { return region.faces.empty(); });
    return result;
  }

  /// Merges neighbours, those first that fit together best, as long as there are any.
  void merge(std::vector<Region>& regions, const CancelToken& cancel) {
    for (size_t r = 0; r < regions.size(); ++r) {
      for (const int32_t f : regions[r].faces) region_[f] = static_cast<int32_t>(r);
    }
    std::map<std::pair<int32_t, int32_t>, float> fits;  // by pair of regions, the lower first
    const auto judge = [&](int32_t a, int32_t b) {
      const auto pair = std::minmax(a, b);
      if (a != b && !fits.contains(pair)) fits[pair] = fit(regions[a], regions[b]);
    };
    const auto judge_neighbours = [&](int32_t r) {
      for (const int32_t f : regions[r].faces) {
        for (const int32_t n : neighbours_[f]) {
          if (n >= 0 && region_[n] >= 0) judge(r, region_[n]);
        }
      }
    };
    for (size_t r = 0; r < regions.size(); ++r) judge_neighbours(static_cast<int32_t>(r));
    while (true) {
      cancel.check();
      const auto best = std::ranges::max_element(fits, {}, [](const auto& item) { return item.second; });
      if (best == fits.end() || best->second <= 0) break;
      const auto [into, from] = best->first;
      for (const int32_t f : regions[from].faces) region_[f] = into;
      std::vector<int32_t> both;
      std::ranges::merge(regions[into].faces, regions[from].faces, std::back_inserter(both));
      regions[into].faces = std::move(both);
      regions[from].faces.clear();
      turn(regions[into]);
      std::erase_if(fits, [&, into = into, from = from](const auto& item) {
        const auto& [a, b] = item.first;
        return a == into || b == into || a == from || b == from;
      });
      judge_neighbours(into);
    }
    std::erase_if(regions, [](const Region& region) { return region.faces.empty(); });
  }

 private:
  /// One region for each component.
  void seed_components() {
    std::vector<int32_t> open;
    for (size_t first = 0; first < normal_.size(); ++first) {
      if (region_[first] >= 0 || !(area_[first] > 0)) continue;
      const auto number = static_cast<int32_t>(seeds_.size());
      seeds_.push_back(static_cast<int32_t>(first));
      directions_.push_back(normal_[first]);
      region_[first] = number;
      open.push_back(static_cast<int32_t>(first));
      while (!open.empty()) {
        const int32_t face = open.back();
        open.pop_back();
        for (const int32_t n : neighbours_[face]) {
          if (n < 0 || region_[n] >= 0 || !(area_[n] > 0)) continue;
          region_[n] = number;
          open.push_back(n);
        }
      }
    }
  }

  Float3 sum_of(const Region& region) const {
    Float3 sum{0, 0, 0};
    for (const int32_t f : region.faces) {
      for (int axis = 0; axis < 3; ++axis) sum[axis] += area_[f] * normal_[f][axis];
    }
    return sum;
  }

  void turn(Region& region) const { region.direction = unit(sum_of(region)); }

  double area_of(const Region& region) const {
    double area = 0;
    for (const int32_t f : region.faces) area += area_[f];
    return area;
  }

  /// Rates the union of two regions: above 0 where all of its faces look in one direction, more so the nearer
  /// they are to it.
  float fit(const Region& a, const Region& b) const {
    Float3 sum = sum_of(a);
    const Float3 other = sum_of(b);
    for (int axis = 0; axis < 3; ++axis) sum[axis] += other[axis];
    const Float3 direction = unit(sum);
    const bool is_small = std::min(area_of(a), area_of(b)) < kSmall * whole_area_;
    float worst = 1;
    for (const Region* region : {&a, &b}) {
      for (const int32_t f : region->faces) worst = std::min(worst, dot(normal_[f], direction));
    }
    return worst - (is_small ? kWidestSmall : kWidest);
  }

  const std::vector<Int3>& neighbours_;
  std::vector<Float3> normal_;  // unit
  std::vector<float> area_;
  double whole_area_ = 0;
  std::vector<int32_t> region_;  // of each face
  std::vector<int32_t> seeds_;
  std::vector<Float3> directions_;
};

}  // namespace

std::vector<Region> divide_by_direction(const Surface& surface, const std::vector<Int3>& neighbours,
                                        const CancelToken& cancel) {
  Division division(surface, neighbours);
  int settling = 0;
  for (int round = 0; round < kRounds + kSettling; ++round) {
    cancel.check();
    division.settle();
    if (round < kRounds && division.divide())
      settling = 0;
    else if (++settling > kSettling)
      break;
    division.grow();
  }
  std::vector<Region> regions = division.regions();
  division.merge(regions, cancel);
  return regions;
}

}  // namespace relievo

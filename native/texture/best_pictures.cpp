#include "texture/best_pictures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/parallel.h"
#include "base/vectors.h"
#include "kernels/resample.h"

namespace relievo {
namespace {

constexpr int kCoarseSide = 48;  // pixels of the low band
// The powers by which the better picture outweighs the others, for detail and for what is coarse.
constexpr float kSelection = 12, kBlending = 4;
constexpr float kSeenWell = 0.25f;  // for comparing exposures
constexpr size_t kFewestSeen = 30;  // vertices that two pictures must share
constexpr float kDark = 0.05f;      // keeps ratios of dark colours in bounds
constexpr float kMostGain = 2;      // a larger difference is none of the exposure
constexpr float kMostTint = 1.35f;  // between a picture's channels
constexpr int64_t kGrain = 4096;

/// The part of a picture that is left when it is reduced and enlarged again.
Image coarse_part(const Image& picture) {
  const int side = std::min(kCoarseSide, picture.width);
  Image coarse(side, side, picture.channels);
  coarse.pixels =
      kernels::resample(picture.pixels, picture.width, picture.height, picture.channels, side, side);
  return coarse;
}

void sample(const Image& picture, float x, float y, float* colour) {
  kernels::sample_bilinear(picture, x * static_cast<float>(picture.width),
                           y * static_cast<float>(picture.height), colour);
}

float median(std::vector<float> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// By how much the logarithms of picture `a`, by channel, exceed those of `b`, as so many vertices show.
struct Comparison {
  size_t a, b;
  Float3 excess;
  float vertices;

  /// Whether it is one of exposures, and not of parts that are painted differently: about the same in all
  /// channels, and moderate.
  bool is_of_exposure() const {
    const float mostly = std::log(kMostGain), alike = std::log(kMostTint);
    const auto [low, high] = std::ranges::minmax(excess);
    return std::max(std::abs(low), std::abs(high)) < mostly && high - low < alike;
  }
};

/// The logarithms of gains that even the pictures out, by least squares; the first stays 0.
std::vector<float> solve(size_t pictures, const std::vector<Comparison>& comparisons, size_t channel) {
  constexpr int kRounds = 200;
  constexpr float kReluctance = 0.01f;  // of pictures that nothing is known of
  std::vector<float> gains(pictures, 0);
  for (int round = 0; round < kRounds; ++round) {
    for (size_t k = 1; k < pictures; ++k) {
      float sum = 0, weight = kReluctance;
      for (const Comparison& c : comparisons) {
        if (c.a == k) sum += c.vertices * (gains[c.b] - c.excess[channel]), weight += c.vertices;
        if (c.b == k) sum += c.vertices * (gains[c.a] + c.excess[channel]), weight += c.vertices;
      }
      gains[k] = sum / weight;
    }
  }
  return gains;
}

/// The vertices that share an edge with each, some of them twice.
struct Neighbours {
  std::vector<int64_t> first;
  std::vector<int32_t> vertices;

  explicit Neighbours(const Surface& surface) : first(surface.vertices.size() + 1, 0) {
    for (const Int3& face : surface.faces) {
      for (const int32_t v : face) first[v + 1] += 2;
    }
    for (size_t v = 1; v < first.size(); ++v) first[v] += first[v - 1];
    vertices.resize(static_cast<size_t>(first.back()));
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (const Int3& face : surface.faces) {
      for (size_t c = 0; c < 3; ++c) {
        vertices[next[face[c]]++] = face[(c + 1) % 3];
        vertices[next[face[c]]++] = face[(c + 2) % 3];
      }
    }
  }

  template <typename Body>
  void for_each(int32_t vertex, const Body& body) const {
    for (int64_t i = first[vertex]; i < first[vertex + 1]; ++i) body(vertices[i]);
  }
};

}  // namespace

BestPictures::BestPictures(std::vector<Projector> projectors, const Surface& surface,
                           const std::vector<Float3>& normals, const CancelToken& cancel) {
  for (Projector& projector : projectors) {
    Image coarse = coarse_part(projector.picture());
    pictures_.push_back({std::move(projector), std::move(coarse), {1, 1, 1}});
  }
  even_exposures(surface, normals, cancel);
}

void BestPictures::even_exposures(const Surface& surface, const std::vector<Float3>& normals,
                                  const CancelToken& cancel) {
  const size_t pictures = pictures_.size(), count = surface.vertices.size();
  constexpr float kUnseen = -1;
  std::vector<std::vector<Float3>> seen(pictures, std::vector<Float3>(count, {kUnseen, 0, 0}));
  for (size_t k = 0; k < pictures; ++k) {
    cancel.check();
    parallel_for(static_cast<int64_t>(count), kGrain, [&](int64_t first, int64_t last) {
      for (int64_t v = first; v < last; ++v) {
        float x = 0, y = 0, colour[4];
        if (pictures_[k].projector.weight(surface.vertices[v].data(), normals[v].data(), x, y) < kSeenWell)
          continue;
        sample(pictures_[k].coarse, x, y, colour);
        for (size_t c = 0; c < 3; ++c) seen[k][v][c] = std::log(std::max(colour[c], 0.0f) + kDark) + 10;
      }
    });
  }
  std::vector<Comparison> comparisons;
  for (size_t a = 0; a < pictures; ++a) {
    for (size_t b = a + 1; b < pictures; ++b) {
      std::array<std::vector<float>, 3> excess;
      for (size_t v = 0; v < count; ++v) {
        if (seen[a][v][0] < 0 || seen[b][v][0] < 0) continue;
        for (size_t c = 0; c < 3; ++c) excess[c].push_back(seen[a][v][c] - seen[b][v][c]);
      }
      if (excess[0].size() < kFewestSeen) continue;
      Comparison comparison{a, b, {}, static_cast<float>(excess[0].size())};
      for (size_t c = 0; c < 3; ++c) comparison.excess[c] = median(std::move(excess[c]));
      if (comparison.is_of_exposure()) comparisons.push_back(comparison);
    }
  }
  for (size_t c = 0; c < 3; ++c) {
    const std::vector<float> gains = solve(pictures, comparisons, c);
    for (size_t k = 0; k < pictures; ++k) pictures_[k].gain[c] = std::exp(gains[k]);
  }
}

void BestPictures::look(const float* points, const float* normals, int64_t count, float* colours,
                        float* seen) const {
  struct Glance {
    float weight = 0, directness = 0;
    float fine[4], coarse[4];
  };
  parallel_for(count, kGrain, [&](int64_t first, int64_t last) {
    std::vector<Glance> glances(pictures_.size());
    for (int64_t i = first; i < last; ++i) {
      float best = 0, most_direct = 0;
      for (size_t k = 0; k < pictures_.size(); ++k) {
        const Picture& picture = pictures_[k];
        Glance& glance = glances[k];
        float x = 0, y = 0;
        glance.weight = picture.projector.weight(points + 3 * i, normals + 3 * i, x, y);
        if (glance.weight <= 0) continue;
        const Float3 to_camera = picture.projector.towards_camera(points + 3 * i);
        glance.directness =
            glance.weight * dot(to_camera, {normals[3 * i], normals[3 * i + 1], normals[3 * i + 2]});
        best = std::max(best, glance.weight);
        most_direct = std::max(most_direct, glance.directness);
        sample(picture.projector.picture(), x, y, glance.fine);
        sample(picture.coarse, x, y, glance.coarse);
        for (size_t c = 0; c < 3; ++c) {
          glance.fine[c] = (glance.fine[c] + kDark) * picture.gain[c] - kDark;
          glance.coarse[c] = (glance.coarse[c] + kDark) * picture.gain[c] - kDark;
        }
      }
      seen[i] = best;
      std::fill_n(colours + 3 * i, 3, 0.0f);
      if (best <= 0) continue;
      float wide_sum = 0, selected_sum = 0;
      std::array<float, 3> coarse{}, detail{};
      for (const Glance& glance : glances) {
        if (glance.weight <= 0) continue;
        const float wide = std::pow(glance.directness / most_direct, kBlending);
        const float selected = std::pow(glance.directness / most_direct, kSelection);
        wide_sum += wide;
        selected_sum += selected;
        for (size_t c = 0; c < 3; ++c) {
          coarse[c] += wide * glance.coarse[c];
          detail[c] += selected * (glance.fine[c] - glance.coarse[c]);
        }
      }
      for (size_t c = 0; c < 3; ++c)
        colours[3 * i + static_cast<int64_t>(c)] = coarse[c] / wide_sum + detail[c] / selected_sum;
    }
  });
}

void grow_over_surface(const Surface& surface, const std::vector<float>& certain,
                       std::vector<Float3>& colours, const CancelToken& cancel) {
  constexpr float kCertain = 0.999f;
  constexpr int kRounds = 60;
  const Neighbours neighbours(surface);
  const std::vector<Float3> given = colours;
  // From the certain vertices outwards, each first gets the mean of those that have a colour already.
  std::vector<bool> has_colour(certain.size());
  std::vector<int32_t> order;
  for (size_t v = 0; v < certain.size(); ++v) has_colour[v] = certain[v] > 0;
  std::vector<int32_t> front;
  for (size_t v = 0; v < certain.size(); ++v) {
    if (has_colour[v]) front.push_back(static_cast<int32_t>(v));
  }
  for (const int32_t v : front) {
    if (certain[v] < kCertain) order.push_back(v);
  }
  for (size_t next = 0; next < front.size(); ++next) {
    neighbours.for_each(front[next], [&](int32_t v) {
      if (has_colour[v]) return;
      Float3 sum{};
      float count = 0;
      neighbours.for_each(v, [&](int32_t other) {
        if (!has_colour[other]) return;
        for (size_t c = 0; c < 3; ++c) sum[c] += colours[other][c];
        ++count;
      });
      colours[v] = scaled(sum, 1 / count);
      has_colour[v] = true;
      front.push_back(v);
      order.push_back(v);
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    cancel.check();
    for (const int32_t v : order) {
      Float3 sum{};
      float count = 0;
      neighbours.for_each(v, [&](int32_t other) {
        for (size_t c = 0; c < 3; ++c) sum[c] += colours[other][c];
        ++count;
      });
      const float weight = certain[v];
      for (size_t c = 0; c < 3; ++c) colours[v][c] = std::lerp(sum[c] / count, given[v][c], weight);
    }
    std::ranges::reverse(order);
  }
}

}  // namespace relievo

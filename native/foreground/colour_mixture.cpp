#include "foreground/colour_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace relievo {
namespace {

constexpr int kRounds = 6;             // of moving the means
constexpr double kNoise = 2e-4;        // added to variances: a spread of some 3.6 of 255
constexpr double kLeastShare = 0.002;  // of a part that counts
constexpr double kElsewhere = 1e-4;    // the density of colours that nothing describes

double squared_distance(const Float3& a, const std::array<double, 3>& b) {
  double sum = 0;
  for (size_t i = 0; i < 3; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// Means that are far from one another: each is the colour whose weighted distance from those before is
/// largest, and the first is the mean of all.
std::vector<std::array<double, 3>> first_means(std::span<const Float3> colours,
                                               std::span<const float> weights, double total, size_t count) {
  std::vector<std::array<double, 3>> means(1);
  for (size_t i = 0; i < colours.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) means[0][c] += weights[i] * colours[i][c] / total;
  }
  std::vector<double> nearest(colours.size(), std::numeric_limits<double>::max());
  while (means.size() < count) {
    size_t furthest = 0;
    for (size_t i = 0; i < colours.size(); ++i) {
      nearest[i] = std::min(nearest[i], squared_distance(colours[i], means.back()));
      if (weights[i] * nearest[i] > weights[furthest] * nearest[furthest]) furthest = i;
    }
    const Float3& colour = colours[furthest];
    means.push_back({colour[0], colour[1], colour[2]});
  }
  return means;
}

}  // namespace

ColourMixture::ColourMixture(std::span<const Float3> colours, std::span<const float> weights) {
  double total = 0;
  for (const float weight : weights) total += weight;
  if (total <= 0) return;
  std::vector<std::array<double, 3>> means = first_means(colours, weights, total, kParts);
  std::vector<size_t> nearest(colours.size());
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::array<double, 4>> sums(means.size());
    for (size_t i = 0; i < colours.size(); ++i) {
      if (weights[i] <= 0) continue;
      size_t best = 0;
      for (size_t k = 1; k < means.size(); ++k) {
        if (squared_distance(colours[i], means[k]) < squared_distance(colours[i], means[best])) best = k;
      }
      nearest[i] = best;
      for (size_t c = 0; c < 3; ++c) sums[best][c] += weights[i] * colours[i][c];
      sums[best][3] += weights[i];
    }
    for (size_t k = 0; k < means.size(); ++k) {
      if (sums[k][3] <= 0) continue;
      for (size_t c = 0; c < 3; ++c) means[k][c] = sums[k][c] / sums[k][3];
    }
  }
  struct Moments {
    double weight = 0;
    std::array<double, 6> products{};
  };
  std::vector<Moments> moments(means.size());
  for (size_t i = 0; i < colours.size(); ++i) {
    if (weights[i] <= 0) continue;
    const size_t k = nearest[i];
    const std::array<double, 3> d{colours[i][0] - means[k][0], colours[i][1] - means[k][1],
                                  colours[i][2] - means[k][2]};
    moments[k].weight += weights[i];
    size_t at = 0;
    for (size_t a = 0; a < 3; ++a) {
      for (size_t b = a; b < 3; ++b) moments[k].products[at++] += weights[i] * d[a] * d[b];
    }
  }
  for (size_t k = 0; k < means.size(); ++k) {
    if (moments[k].weight < kLeastShare * total) continue;
    std::array<double, 6> v = moments[k].products;
    for (double& value : v) value /= moments[k].weight;
    v[0] += kNoise, v[3] += kNoise, v[5] += kNoise;
    // The inverse of a symmetric matrix by its adjugate.
    const std::array<double, 6> adjugate{v[3] * v[5] - v[4] * v[4], v[2] * v[4] - v[1] * v[5],
                                         v[1] * v[4] - v[2] * v[3], v[0] * v[5] - v[2] * v[2],
                                         v[1] * v[2] - v[0] * v[4], v[0] * v[3] - v[1] * v[1]};
    const double determinant = v[0] * adjugate[0] + v[1] * adjugate[1] + v[2] * adjugate[2];
    Part part{moments[k].weight / total, 1 / std::sqrt(std::pow(2 * 3.14159265358979, 3) * determinant),
              means[k], adjugate};
    for (double& value : part.inverse) value /= determinant;
    parts_.push_back(part);
  }
}

float ColourMixture::cost(const Float3& colour) const {
  double density = kElsewhere;
  for (const Part& part : parts_) {
    const double x = colour[0] - part.mean[0], y = colour[1] - part.mean[1], z = colour[2] - part.mean[2];
    const std::array<double, 6>& m = part.inverse;
    const double form =
        m[0] * x * x + m[3] * y * y + m[5] * z * z + 2 * (m[1] * x * y + m[2] * x * z + m[4] * y * z);
    density += part.share * part.scale * std::exp(-form / 2);
  }
  return static_cast<float>(-std::log(density));
}

}  // namespace relievo

#include "runtime/costs/least_squares.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace relievo {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// Solves the normal equations of columns of length one; returns nothing when they depend on each other.
std::optional<std::vector<double>> solve(const std::vector<const Column*>& columns,
                                         std::span<const double> values) {
  constexpr double kDependent = 1e-8;
  const size_t n = columns.size();
  std::vector<std::vector<double>> m(n, std::vector<double>(n + 1));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) m[i][j] = dot(*columns[i], *columns[j]);
    m[i][n] = dot(*columns[i], values);
  }
  for (size_t i = 0; i < n; ++i) {  // the matrix is symmetric and positive definite, so no pivoting is needed
    if (m[i][i] < kDependent) return std::nullopt;
    for (size_t k = 0; k < n; ++k) {
      if (k == i) continue;
      const double factor = m[k][i] / m[i][i];
      for (size_t j = i; j <= n; ++j) m[k][j] -= factor * m[i][j];
    }
  }
  std::vector<double> x(n);
  for (size_t i = 0; i < n; ++i) x[i] = m[i][n] / m[i][i];
  return x;
}

}  // namespace

std::vector<double> non_negative_least_squares(std::span<const Column> columns,
                                               std::span<const double> values, double penalty) {
  std::vector<double> lengths;
  std::vector<Column> scaled(columns.begin(), columns.end());
  for (Column& column : scaled) {
    lengths.push_back(std::sqrt(dot(column, column)));
    for (double& value : column) value /= std::max(lengths.back(), std::numeric_limits<double>::min());
  }
  std::vector<unsigned> sets((1U << columns.size()) - 1);
  std::iota(sets.begin(), sets.end(), 1U);
  std::ranges::stable_sort(sets, {}, [](unsigned set) { return std::popcount(set); });
  std::vector<double> best(columns.size(), 0);
  double best_cost = std::numeric_limits<double>::infinity();
  for (const unsigned set : sets) {
    std::vector<const Column*> taken;
    std::vector<size_t> which;
    for (size_t i = 0; i < scaled.size(); ++i) {
      if (!(set >> i & 1U)) continue;
      taken.push_back(&scaled[i]);
      which.push_back(i);
    }
    if (taken.size() > values.size()) continue;
    const auto x = solve(taken, values);
    if (!x || std::ranges::any_of(*x, [](double one) { return one < 0; })) continue;
    double squares = 0;
    for (size_t row = 0; row < values.size(); ++row) {
      double sum = -values[row];
      for (size_t i = 0; i < taken.size(); ++i) sum += (*x)[i] * (*taken[i])[row];
      squares += sum * sum;
    }
    const double cost = std::sqrt(squares / double(values.size())) + penalty * double(taken.size());
    if (cost >= best_cost - 1e-9) continue;
    best_cost = cost;
    std::ranges::fill(best, 0);
    for (size_t i = 0; i < taken.size(); ++i) best[which[i]] = (*x)[i] / lengths[which[i]];
  }
  return best;
}

}  // namespace relievo

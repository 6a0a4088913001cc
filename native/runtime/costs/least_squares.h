// Least squares with non-negative coefficients.
#pragma once

#include <span>
#include <vector>

namespace relievo {

/// A quantity that values may be a multiple of: its value in every row.
using Column = std::vector<double>;

/// Finds the x >= 0 for which the sum x[0] * columns[0] + ... comes closest to `values` in the root of the
/// mean squared difference, to which every coefficient above zero adds `penalty`: of sets of columns that do
/// equally well, the one with the fewest columns is taken, and of these the first.
///
/// The minimum under x >= 0 is that of the columns which are not at zero, without the condition (Lawson and
/// Hanson, Solving Least Squares Problems, 1974, chapter 23). So every set of columns is tried: exact, and
/// quick for the handful that it is meant for. Sets of more columns than there are values, and of columns
/// that depend on each other, are left out. At most 16 columns.
std::vector<double> non_negative_least_squares(std::span<const Column> columns,
                                               std::span<const double> values, double penalty = 0);

}  // namespace relievo

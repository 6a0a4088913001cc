#include "runtime/costs/least_squares.h"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relievo {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

double error(const std::vector<Column>& columns, const std::vector<double>& values,
             const std::vector<double>& x) {
  double squares = 0;
  for (size_t row = 0; row < values.size(); ++row) {
    double sum = -values[row];
    for (size_t i = 0; i < columns.size(); ++i) sum += x[i] * columns[i][row];
    squares += sum * sum;
  }
  return std::sqrt(squares / double(values.size()));
}

TEST(LeastSquares, FindsTheCoefficientsThatValuesWereMadeOf) {
  const std::vector<Column> columns{{1, 1, 1, 1}, {1, 2, 4, 8}, {1e9, -2e9, 3e9, 1e9}};
  std::vector<double> values;
  for (size_t row = 0; row < 4; ++row) values.push_back(3 + 0.5 * columns[1][row] + 2e-9 * columns[2][row]);
  EXPECT_THAT(non_negative_least_squares(columns, values),
              ElementsAre(DoubleNear(3, 1e-9), DoubleNear(0.5, 1e-9), DoubleNear(2e-9, 1e-18)));
}

/// The conditions of Karush, Kuhn and Tucker tell the minimum without any other solver: along no coefficient
/// does the error fall, and it stays level along those above zero.
TEST(LeastSquares, IsTheMinimumWithoutNegativeCoefficients) {
  std::mt19937 random(1);
  std::normal_distribution<double> number;
  int at_zero = 0, above = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<Column> columns(4, Column(7));
    std::vector<double> values(7);
    for (Column& column : columns) {
      for (double& value : column) value = number(random);
    }
    for (double& value : values) value = number(random);
    const auto x = non_negative_least_squares(columns, values);
    for (size_t i = 0; i < columns.size(); ++i) {
      ASSERT_GE(x[i], 0);
      double slope = 0;
      for (size_t row = 0; row < values.size(); ++row) {
        double difference = -values[row];
        for (size_t j = 0; j < columns.size(); ++j) difference += x[j] * columns[j][row];
        slope += difference * columns[i][row];
      }
      EXPECT_GE(slope, -1e-3) << "what it would gain is below a billionth of the error";
      if (x[i] > 0) {
        EXPECT_NEAR(slope, 0, 1e-7);
      }
      ++(x[i] > 0 ? above : at_zero);
    }
  }
  EXPECT_GT(at_zero, 300);
  EXPECT_GT(above, 300);
}

TEST(LeastSquares, APenaltyTakesFewerColumnsAndTheFirstOfThoseThatDoAsWell) {
  const std::vector<Column> columns{{1, 2, 4}, {2, 4, 8}, {1, 1, 1}};
  const std::vector<double> values{10.3, 20, 40};
  EXPECT_THAT(non_negative_least_squares(columns, values, 0.5), ElementsAre(DoubleNear(10.014, 0.001), 0, 0));
  const auto closest = non_negative_least_squares(columns, values);
  EXPECT_LT(error(columns, values, closest),
            error(columns, values, non_negative_least_squares(columns, values, 0.5)));
}

TEST(LeastSquares, ThreeColumnsForOneValueAreTooMany) {
  const std::vector<Column> columns{{0}, {4}, {2}};
  EXPECT_THAT(non_negative_least_squares(columns, std::vector<double>{8}), ElementsAre(0, 2, 0));
}

}  // namespace
}  // namespace relievo

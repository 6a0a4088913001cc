#include "nn/blocks.h"

#include <vector>

#include <gtest/gtest.h>

namespace relievo {
namespace {

TEST(Blocks, AreEqualSharesOfTheParameters) {
  const std::vector<int64_t> numbers{10, 10, 10, 10, 40, 20};  // middles at 5 15 25 35 60 90 of 100
  const auto first = [&](int block) { return first_layer_of_block(numbers, 4, block); };
  EXPECT_EQ(first(0), 0u);
  EXPECT_EQ(first(1), 2u);
  EXPECT_EQ(first(2), 4u);
  EXPECT_EQ(first(3), 5u);
  EXPECT_EQ(first(4), 6u);
}

TEST(Blocks, AreEmptyWhereALayerIsLargerThanAShare) {
  const std::vector<int64_t> numbers{97, 1, 1, 1};
  EXPECT_EQ(first_layer_of_block(numbers, 4, 1), 0u);
  EXPECT_EQ(first_layer_of_block(numbers, 4, 2), 1u);
  EXPECT_EQ(first_layer_of_block(numbers, 4, 3), 1u);
  EXPECT_EQ(first_layer_of_block(numbers, 4, 4), 4u);
}

}  // namespace
}  // namespace relievo

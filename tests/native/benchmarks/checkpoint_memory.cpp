#include <gtest/gtest.h>

#include "benchmarks/native/bench_memory.h"

namespace relievo {
namespace {

// A small size of what `relievo-bench checkpoint` measures in full.
TEST(CheckpointMemory, TwelveBlocksNeedMuchLessWithTheSameGradients) {
  nlohmann::json arguments{{"threads", 1},  {"blocks", 12},           {"width", 64},
                           {"tokens", 384}, {"condition_tokens", 48}, {"checkpointed", false}};
  const auto plain = bench_checkpoint_own_side(arguments);
  arguments["checkpointed"] = true;
  const auto ours = bench_checkpoint_own_side(arguments);
  EXPECT_EQ(ours.at("gradients"), plain.at("gradients"));
  EXPECT_LT(ours.at("peak_bytes").get<double>(), 0.6 * plain.at("peak_bytes").get<double>());
}

}  // namespace
}  // namespace relievo

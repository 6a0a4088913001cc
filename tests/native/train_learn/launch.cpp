#include "train/learn/launch.h"

#include <map>

#include <gtest/gtest.h>

#include "../expect_error.h"

namespace relievo {
namespace {

std::optional<Launched> launched_by(const std::map<std::string, std::string>& variables) {
  return launched_process([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Launch, AProcessAloneHasNoGroup) {
  EXPECT_FALSE(launched_by({}));
  EXPECT_FALSE(launched_by({{"WORLD_SIZE", "1"}, {"RANK", "0"}}));
  // A job of SLURM that was not started by srun.
  EXPECT_FALSE(launched_by({{"SLURM_NTASKS", "4"}, {"SLURM_JOB_ID", "77"}}));
}

TEST(Launch, UnderstandsTorchrun) {
  const auto launched = launched_by({{"RANK", "5"},
                                     {"WORLD_SIZE", "8"},
                                     {"LOCAL_RANK", "1"},
                                     {"MASTER_ADDR", "node7"},
                                     {"MASTER_PORT", "29500"},
                                     {"SLURM_PROCID", "0"},
                                     {"SLURM_NTASKS", "2"}});
  ASSERT_TRUE(launched);
  EXPECT_EQ(launched->rank, 5);
  EXPECT_EQ(launched->size, 8);
  EXPECT_EQ(launched->local_rank, 1);
  EXPECT_EQ(launched->address, "node7");
  EXPECT_EQ(launched->port, 29500);
}

TEST(Launch, UnderstandsSlurm) {
  const auto launched = launched_by({{"SLURM_PROCID", "3"},
                                     {"SLURM_NTASKS", "4"},
                                     {"SLURM_LOCALID", "1"},
                                     {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.9"},
                                     {"SLURM_JOB_ID", "1234567"}});
  ASSERT_TRUE(launched);
  EXPECT_EQ(launched->rank, 3);
  EXPECT_EQ(launched->local_rank, 1);
  EXPECT_EQ(launched->address, "10.0.0.9");
  EXPECT_EQ(launched->port, 15'000 + 1'234'567 % 20'000);
}

TEST(Launch, RefusesWhatCannotBe) {
  const auto refused = [](const char* words, const std::map<std::string, std::string>& variables) {
    expect_error(ErrorCode::kInvalidSettings, words, [&] { launched_by(variables); });
  };
  refused("Invalid RANK 'two'", {{"RANK", "two"}, {"WORLD_SIZE", "4"}});
  refused("Invalid rank '4'", {{"RANK", "4"}, {"WORLD_SIZE", "4"}});
  refused("where to meet", {{"RANK", "0"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "here"}});
}

}  // namespace
}  // namespace relievo

// Every test starts this program twice more, as the processes of a training (as in tests/native/train).
#include <array>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/error.h"
#include "nn/tensors.h"
#include "small_data.h"
#include "train/learn/run_state.h"
#include "train/learn/trainer.h"

extern char** environ;

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr int kNoticed = 77;

int worker(const std::string& part) {
  at::set_num_threads(1);
  const int rank = std::atoi(std::getenv("RELIEVO_RANK"));
  const fs::path folder = std::getenv("RELIEVO_FOLDER");
  try {
    const auto group = ProcessGroup::open(
        {.rank = rank, .size = 2, .rendezvous = "file://" + (folder / ("meet_" + part)).string()});
    const TrainOptions options{.group = group, .on_step = [&](const TrainStep& now) {
                                 if (part == "kill" && rank == 1 && now.step == 4) raise(SIGKILL);
                               }};
    train(SmallData::small_config(folder, part), options);
    return 0;
  } catch (const Error& error) {
    std::cerr << "process " << rank << ": " << error.what() << "\n";
    return error.code() == ErrorCode::kDeviceLost && !error.hint().empty() ? kNoticed : 1;
  } catch (const std::exception& error) {
    std::cerr << "process " << rank << ": " << error.what() << "\n";
    return 1;
  }
}

/// gtest_main knows nothing of workers: they end before it begins.
const bool g_worker = [] {
  if (const char* part = std::getenv("RELIEVO_TRAINER_PART")) _exit(worker(part));
  return true;
}();

class Processes : public SmallData {
 protected:
  std::array<int, 2> run_two(const std::string& part) {
    const std::string program = fs::read_symlink("/proc/self/exe");
    setenv("RELIEVO_TRAINER_PART", part.c_str(), 1);
    setenv("RELIEVO_FOLDER", folder_.c_str(), 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    std::array<pid_t, 2> children{};
    for (int rank = 0; rank < 2; ++rank) {
      setenv("RELIEVO_RANK", std::to_string(rank).c_str(), 1);
      std::array<char*, 2> arguments{const_cast<char*>(program.c_str()), nullptr};
      EXPECT_EQ(
          posix_spawn(&children[size_t(rank)], program.c_str(), nullptr, nullptr, arguments.data(), environ),
          0);
    }
    unsetenv("RELIEVO_TRAINER_PART");
    std::array<int, 2> results{};
    for (size_t rank = 0; rank < 2; ++rank) {
      int status = 0;
      waitpid(children[rank], &status, 0);
      results[rank] = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    return results;
  }
  at::Tensor kept(const std::string& run) const {
    return tensor_view(read_safetensors(checkpoint_of(folder_ / run)), "first_moment").clone();
  }
};

TEST_F(Processes, TwoLearnWhatOneLearnsOfTheWholeBatch) {
  EXPECT_EQ(run_two("both"), (std::array<int, 2>{0, 0}));
  train(config("alone"), {});
  // The mean gradient: Adam's steps would make much of rounding where there is none.
  const at::Tensor both = kept("both"), alone = kept("alone");
  EXPECT_LT((both - alone).norm().item<double>(), 0.01 * alone.norm().item<double>());
}

TEST_F(Processes, AKilledOneEndsTheOtherAndTheRunGoesOn) {
  EXPECT_EQ(run_two("kill"), (std::array<int, 2>{kNoticed, 128 + SIGKILL}));
  EXPECT_EQ(trained_steps(folder_ / "kill"), 3);
  fs::remove(folder_ / "meet_kill");
  EXPECT_EQ(train(config("kill"), {}), 6);
}

}  // namespace
}  // namespace relievo

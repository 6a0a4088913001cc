// Every test starts this program twice more, as the processes of a group; each does its part by name
// (worker()).
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include "base/error.h"
#include "train/checkpoint.h"
#include "train/data_parallel.h"

extern char** environ;

namespace relievo {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

std::vector<at::Tensor> make_parameters(int64_t seed) {
  at::manual_seed(uint64_t(seed));
  std::vector<at::Tensor> parameters;
  for (int i = 0; i < 6; ++i) parameters.push_back((0.3 * at::randn({8, 8})).requires_grad_(true));
  parameters.push_back(at::randn({8}).requires_grad_(true));  // never used
  return parameters;
}

void backward(const std::vector<at::Tensor>& parameters, at::Tensor x) {
  for (size_t i = 0; i < 6; ++i) x = at::tanh(at::matmul(x, parameters[i]));
  torch::autograd::backward({x.square().mean()}, {});
}

void sums_and_broadcasts(ProcessGroup& group) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = at::full({1000}, group.rank() + 1, dtype);
    group.sum(x);
    require(at::equal(x, at::full({1000}, 3, dtype)), "the sum is wrong");
  }
  const at::Tensor weights = at::full({7, 3}, group.rank() + 5.0);
  group.broadcast({weights}, 1);
  require(at::equal(weights, at::full({7, 3}, 6.0)), "the broadcast is wrong");
  group.barrier();
}

void data_parallel(const std::shared_ptr<ProcessGroup>& group) {
  const auto parameters = make_parameters(group->rank());  // different, until process 0's are sent
  DataParallel parallel(group, parameters, 2 * 8 * 8 * 4);
  require(parallel.buckets() > 2, "there is only one bucket");
  const auto reference = make_parameters(0);
  for (int step = 0; step < 3; ++step) {
    at::manual_seed(uint64_t(100 + step));
    const at::Tensor batch = at::randn({10, 8});
    for (const auto& list : {parameters, reference}) {
      for (const at::Tensor& parameter : list) parameter.mutable_grad() = at::Tensor();
    }
    backward(parameters, batch.narrow(0, 5 * group->rank(), 5));
    parallel.finish_backward();
    backward(reference, batch);
    for (size_t i = 0; i < 6; ++i) {
      require(at::equal(parameters[i].detach(), reference[i].detach()), "the weights were not sent");
      require(at::allclose(parameters[i].grad(), reference[i].grad(), 1e-5, 1e-7), "a gradient differs");
    }
    require(at::equal(parameters[6].grad(), at::zeros({8})), "an unused parameter has a gradient");
  }
}

/// The last matrix in two checkpointed blocks: its gradient comes in two parts, the first of which is
/// exchanged at once.
void backward_in_blocks(const std::vector<at::Tensor>& parameters, const at::Tensor& x) {
  const at::Tensor& twice = parameters[1];
  const auto block = [&](const std::vector<at::Tensor>& in) { return at::tanh(at::matmul(in[0], twice)); };
  at::Tensor y = at::tanh(at::matmul(x, parameters[0]));
  y = checkpoint(block, {y});
  y = checkpoint(block, {y});
  torch::autograd::backward({y.square().mean()}, {});
}

void checkpointed(const std::shared_ptr<ProcessGroup>& group) {
  std::vector<at::Tensor> parameters = make_parameters(0), reference = make_parameters(0);
  parameters.resize(2);
  DataParallel parallel(group, parameters, 1);
  for (int step = 0; step < 2; ++step) {
    at::manual_seed(uint64_t(100 + step));
    const at::Tensor batch = at::randn({10, 8});
    for (const auto& list : {parameters, reference}) {
      for (const at::Tensor& parameter : list) parameter.mutable_grad() = at::Tensor();
    }
    backward_in_blocks(parameters, batch.narrow(0, 5 * group->rank(), 5));
    parallel.finish_backward();
    backward_in_blocks(reference, batch);
    for (size_t i = 0; i < 2; ++i) {
      require(at::allclose(parameters[i].grad(), reference[i].grad(), 1e-5, 1e-7), "a gradient differs");
    }
  }
}

void overlaps(const std::shared_ptr<ProcessGroup>& group) {
  auto parameters = make_parameters(0);
  parameters.pop_back();
  DataParallel parallel(group, parameters, 8 * 8 * 4);
  backward(parameters, at::ones({5, 8}));
  parallel.finish_backward();
  require(parallel.overlapped_buckets() == parallel.buckets(), "nothing was exchanged during backward");
}

constexpr milliseconds kGroupTimeout = 20'000ms;

/// The other process is killed in the middle of the sums, while this one waits for it.
void survives_a_kill(ProcessGroup& group) {
  constexpr int kSums = 50;
  const auto sum = [&] { group.sum(at::ones({100'000})); };
  for (int i = 0; i < kSums; ++i) sum();
  if (group.rank() == 1) raise(SIGKILL);
  try {
    for (int i = 0; i < kSums; ++i) sum();
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kDeviceLost, "another code");
    require(!error.hint().empty(), "no hint");
    return;
  }
  require(false, "nobody noticed");
}

/// The other process hangs until this one has noticed it: only the time-out tells, and a time-out that is
/// not kept is a test that never ends.
void survives_a_hang(ProcessGroup& group, const std::filesystem::path& noticed) {
  group.barrier();
  if (group.rank() == 1) {
    while (!std::filesystem::exists(noticed)) std::this_thread::sleep_for(10ms);
    return;
  }
  try {
    group.sum(at::ones({1000}));
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kDeviceLost, "another code");
    std::ofstream(noticed) << "noticed";
    return;
  }
  require(false, "nobody noticed");
}

void waits_in_vain(const GroupOptions& options) {
  try {
    ProcessGroup::open(options);
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kDeviceLost, "another code");
    return;
  }
  require(false, "a group of one of two was opened");
}

/// What is said where NCCL is to be opened, in a group of one.
void says_what_nccl_says(GroupOptions options) {
  options.backend = GroupBackend::kNccl;
  options.size = 1;
  try {
    ProcessGroup::open(options);
    std::cout << "NCCL: open\n";
  } catch (const Error& error) {
    std::cout << "NCCL: " << error.message() << "\n";
  }
}

/// No librelievo_nccl.so lies beside this program.
void has_no_nccl(GroupOptions options) {
  options.backend = GroupBackend::kNccl;
  options.size = 1;
  try {
    ProcessGroup::open(options);
  } catch (const Error& error) {
    require(error.code() == ErrorCode::kModelMissing, "another code");
    require(error.message().starts_with("GPUs cannot train together"), "another message");
    const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "librelievo_nccl.so";
    require(error.message().find(beside.string()) != std::string::npos, "another place");
    require(error.hint().find("nvidia-nccl-cu13") != std::string::npos, "no hint");
    return;
  }
  require(false, "NCCL was opened");
}

int worker(const std::string& part) {
  GroupOptions options;
  options.rank = std::atoi(std::getenv("RELIEVO_RANK"));
  options.size = 2;
  options.rendezvous = std::getenv("RELIEVO_PLACE");
  options.timeout = part == "alone" || part == "hang" ? 1500ms : kGroupTimeout;
  try {
    if (part == "alone") {
      waits_in_vain(options);
      return 0;
    }
    if (part == "nccl") {
      has_no_nccl(options);
      return 0;
    }
    if (part == "real-nccl") {  // tests/cuda_loading
      says_what_nccl_says(options);
      return 0;
    }
    const auto group = ProcessGroup::open(options);
    require(group->rank() == options.rank && group->size() == 2, "rank and size");
    if (part == "sums") sums_and_broadcasts(*group);
    if (part == "data") data_parallel(group);
    if (part == "checkpoint") checkpointed(group);
    if (part == "overlap") overlaps(group);
    if (part == "kill") survives_a_kill(*group);
    if (part == "hang") survives_a_hang(*group, std::getenv("RELIEVO_NOTICED"));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << part << ", process " << options.rank << ": " << error.what() << "\n";
    return 1;
  }
}

/// gtest_main knows nothing of workers: they end before it begins.
const bool g_worker = [] {
  if (const char* part = std::getenv("RELIEVO_COLLECTIVES_PART")) _exit(worker(part));
  return true;
}();

/// Exit statuses of the two processes; 128 + signal for a killed one.
std::array<int, 2> run_two(const std::string& part, int count = 2,
                           const std::string& program = std::filesystem::read_symlink("/proc/self/exe")) {
  const auto meeting =
      std::filesystem::path(testing::TempDir()) / ("relievo_group_" + std::to_string(getpid()));
  const std::filesystem::path noticed = meeting.string() + ".noticed";
  std::filesystem::remove(meeting);
  std::filesystem::remove(noticed);
  std::array<pid_t, 2> children{};
  std::array<int, 2> results{-1, -1};
  for (int rank = 0; rank < count; ++rank) {
    setenv("RELIEVO_COLLECTIVES_PART", part.c_str(), 1);
    setenv("RELIEVO_RANK", std::to_string(rank).c_str(), 1);
    setenv("RELIEVO_PLACE", ("file://" + meeting.string()).c_str(), 1);
    setenv("RELIEVO_NOTICED", noticed.c_str(), 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    std::string own_name = "/proc/self/exe";  // as the trainer calls its processes
    std::array<char*, 2> arguments{own_name.data(), nullptr};
    if (posix_spawn(&children[size_t(rank)], program.c_str(), nullptr, nullptr, arguments.data(), environ) !=
        0) {
      ADD_FAILURE() << "cannot start " << program;
    }
  }
  unsetenv("RELIEVO_COLLECTIVES_PART");
  for (int rank = 0; rank < count; ++rank) {
    int status = 0;
    waitpid(children[size_t(rank)], &status, 0);
    results[size_t(rank)] = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  std::filesystem::remove(meeting);
  std::filesystem::remove(noticed);
  return results;
}

constexpr std::array<int, 2> kBothWell{0, 0};

TEST(Collectives, SumAndBroadcastBetweenTwoProcesses) { EXPECT_EQ(run_two("sums"), kBothWell); }

TEST(Collectives, DataParallelGradientsEqualThoseOfTwiceTheBatch) { EXPECT_EQ(run_two("data"), kBothWell); }

TEST(Collectives, AWeightOfTwoCheckpointedBlocksHasTheWholeGradient) {
  EXPECT_EQ(run_two("checkpoint"), kBothWell);
}

TEST(Collectives, BucketsAreExchangedWhileBackwardRuns) { EXPECT_EQ(run_two("overlap"), kBothWell); }

TEST(Collectives, AKilledProcessIsAnErrorForTheOther) {
  EXPECT_EQ(run_two("kill"), (std::array<int, 2>{0, 128 + SIGKILL}));
}

TEST(Collectives, AProcessThatHangsIsAnErrorWithinTheTimeOut) { EXPECT_EQ(run_two("hang"), kBothWell); }

TEST(Collectives, AProcessThatNeverComesIsAnError) { EXPECT_EQ(run_two("alone", 1)[0], 0); }

TEST(Collectives, GpusCannotTrainTogetherWithoutNccl) {
  const auto folder =
      std::filesystem::path(testing::TempDir()) / ("relievo_train_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::filesystem::copy("/proc/self/exe", folder / "program");
  EXPECT_EQ(run_two("nccl", 1, folder / "program")[0], 0);
  std::filesystem::remove_all(folder);
}

TEST(Collectives, ABadMeetingPlaceIsRefused) {
  for (const char* place :
       {"", "file://", "tcp://", "tcp://host", "tcp://host:", "tcp://host:99999", "http://x:1"}) {
    GroupOptions options;
    options.rendezvous = place;
    try {
      ProcessGroup::open(options);
      ADD_FAILURE() << place;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings) << place;
    }
  }
}

}  // namespace
}  // namespace relievo

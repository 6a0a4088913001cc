// Machines with which something is wrong: what the person reads, and which devices compute all the same.
#include "engine/machine.h"

#include <cstdlib>

#include <gmock/gmock.h>

#include "../expect_error.h"
#include "engine/open_workers.h"
#include "fake_cuda.h"
#include "near_mesh.h"

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kGiB = int64_t{1} << 30;

std::vector<std::string> names_of(const std::vector<Worker>& workers) {
  std::vector<std::string> names;
  for (const Worker& worker : workers) names.push_back(worker.name);
  return names;
}

struct BadMachine {
  const char* name;
  std::vector<fake_cuda::Device> devices;
  fake_cuda::Driver driver;
  const char* visible;                ///< CUDA_VISIBLE_DEVICES; null: it is not set
  std::vector<std::string> workers;   ///< that compute where nobody names any
  std::vector<std::string> left_out;  ///< what is said of the others
  const char* refused;                ///< the device that a person asks for
  std::string message;                ///< why it is not given
};

void PrintTo(const BadMachine& machine, std::ostream* out) { *out << machine.name; }

const fake_cuda::Device kGood{.bytes = 16 * kGiB},
    kOld{.bytes = 16 * kGiB, .compute_major = 7, .compute_minor = 0};

const BadMachine kBadMachines[] = {
    {"DriverOlderThanTheRuntime",
     {kGood, kGood},
     {.branch = 570},
     nullptr,
     {"cpu"},
     {"The NVIDIA driver 570 is too old for CUDA 13. The CPU is used. Install NVIDIA's driver 580 or later."},
     "cuda:0",
     "The device 'cuda:0' is not there: this machine has 0 CUDA devices. The NVIDIA driver 570 is too old "
     "for CUDA "
     "13."},
    {"LibraryAndDriverOfTwoVersions",
     {kGood},
     {.nvml_status = 18},
     nullptr,
     {"cpu"},
     {"NVML does not start (status 18): the driver's parts do not fit each other. The CPU is used. Restart "
      "the "
      "machine (a driver update needs that); else install the driver again."},
     "cuda",
     "No CUDA device can be used here. NVML does not start (status 18): the driver's parts do not fit each "
     "other."},
    {"CudaFindsNoWayToTheDriver",
     {kGood},
     {.cuda_status = 999},
     nullptr,
     {"cpu"},
     {"CUDA does not start: unknown error (999). The CPU is used. Restart the machine; if that does not "
      "help, install "
      "NVIDIA's driver again."},
     "cuda:0",
     "CUDA does not start: unknown error (999)."},
    {"CardTooOld",
     {kOld, kGood},
     {},
     nullptr,
     {"cuda:1"},
     {"cuda:0 (Stand-in 0) is left out: its compute capability is 7.0, and 7.5 is the least."},
     "cuda:0",
     "The device 'cuda:0' cannot be used. cuda:0 (Stand-in 0) is left out: its compute capability is 7.0, "
     "and 7.5 is "
     "the least."},
    {"CardFullOfSomebodyElsesMemory",
     {{.bytes = 16 * kGiB, .others_bytes = 16 * kGiB - (int64_t{200} << 20)}, kGood},
     {},
     nullptr,
     {"cuda:1"},
     {"cuda:0 (Stand-in 0) is left out: 200.0 MiB of its memory are free, other programs hold 15.80 GiB."},
     "cuda:0*2",
     "The device 'cuda:0' cannot be used. cuda:0 (Stand-in 0) is left out: 200.0 MiB of its memory are free, "
     "other "
     "programs hold 15.80 GiB."},
    {"VisibleDevicesThatNameNothing",
     {kGood, kGood},
     {},
     "7",
     {"cpu"},
     {"The driver has 2 GPUs, and CUDA shows none (the environment's CUDA_VISIBLE_DEVICES is '7'). The CPU "
      "is used. "
      "Name GPUs that are there in CUDA_VISIBLE_DEVICES, or remove it from the environment."},
     "cuda:1",
     "The driver has 2 GPUs, and CUDA shows none (the environment's CUDA_VISIBLE_DEVICES is '7')."},
};

class BadMachines : public TinyPipelineTest, public testing::WithParamInterface<BadMachine> {
 protected:
  BadMachines() {
    fake_cuda::set_devices(GetParam().devices, GetParam().driver);
    if (GetParam().visible) setenv("CUDA_VISIBLE_DEVICES", GetParam().visible, 1);
  }
  ~BadMachines() override {
    EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
    fake_cuda::set_devices({{}});
    unsetenv("CUDA_VISIBLE_DEVICES");
  }
};

TEST_P(BadMachines, SayWhatIsWrongAndComputeOnTheRest) {
  const BadMachine& bad = GetParam();
  EngineOptions options;
  const OpenedWorkers opened = open_workers(options);
  EXPECT_THAT(names_of(opened.workers), ElementsAreArray(bad.workers));
  EXPECT_THAT(opened.left_out, testing::IsSupersetOf(bad.left_out));  // this machine may have others
  options.devices = bad.refused;
  expect_error(ErrorCode::kInvalidSettings, bad.message, [&] { open_workers(options); });

  // Each is shown, or at least why there is nothing to show.
  const auto shown = find_devices();
  EXPECT_FALSE(shown.front().note.empty());
  EXPECT_NE(shown.front().device, "cpu");

  Engine engine(tiny_options(""));
  const Job job = engine.submit(tiny_request());
  ASSERT_TRUE(job.wait(120));
  ASSERT_NE(job.result(), nullptr) << job.error()->what();
  expect_near(MeshBits(job.result()->mesh), reference(0, 7, Until::kMesh));
  for (size_t i = 0; i < bad.devices.size(); ++i) {
    const bool computes = std::ranges::count(bad.workers, "cuda:" + std::to_string(i)) > 0;
    EXPECT_EQ(fake_cuda::operations(static_cast<int>(i)) > 0, computes) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadMachines, testing::ValuesIn(kBadMachines),
                         [](const auto& one) { return std::string(one.param.name); });

class MachineOnFakeGpus : public testing::Test {
 protected:
  ~MachineOnFakeGpus() override { fake_cuda::set_devices({{}}); }
};

TEST_F(MachineOnFakeGpus, DevicesAreListedAndTheTooOldLeftOut) {
  fake_cuda::set_devices({{.bytes = 24 * kGiB}, kOld});
  const auto devices = find_devices();
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[0].device, "cuda:0");
  EXPECT_EQ(devices[0].total_bytes, 24 * kGiB);
  EXPECT_THAT(devices[0].note, IsEmpty());
  EXPECT_THAT(devices[1].note, HasSubstr("7.0"));
  EXPECT_THAT(Engine(EngineOptions()).workers(), ElementsAre("cuda:0"));
}

/// What CUDA itself needs is still to come before there is a context, and in what is used afterwards.
TEST_F(MachineOnFakeGpus, CudasOwnNeedsAreTakenOffOnceOnly) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  EXPECT_EQ(open_workers({}).workers[0].budget_bytes, 16 * kGiB - (int64_t{600} << 20));
  const at::Tensor own = at::ones({1 << 20}, at::Device(at::kCUDA, 0));
  EXPECT_EQ(open_workers({}).workers[0].budget_bytes, 16 * kGiB);
}

/// CUDA shows them in place of the card, each with its own memory; NVML tells of a card as a whole only who
/// administers the machine.
TEST_F(MachineOnFakeGpus, PartsOfACardInMigModeAreDevices) {
  fake_cuda::set_devices(
      {{.bytes = 10 * kGiB, .part_of = 0}, {.bytes = 5 * kGiB, .part_of = 0}, {.bytes = 24 * kGiB}});
  const auto devices = find_devices();
  ASSERT_EQ(devices.size(), 4u);
  EXPECT_EQ(devices[0].name, "Stand-in 0 MIG");
  EXPECT_EQ(devices[0].total_bytes, 10 * kGiB);
  EXPECT_EQ(devices[1].device, "cuda:1");
  EXPECT_EQ(devices[1].name, "Stand-in 1 MIG");
  EXPECT_EQ(devices[1].free_bytes, 5 * kGiB);
  EXPECT_EQ(devices[2].name, "Stand-in 2");
  for (const DeviceInfo& device : devices) EXPECT_THAT(device.note, IsEmpty()) << device.device;
  const auto workers = open_workers({}).workers;
  ASSERT_EQ(workers.size(), 3u);
  EXPECT_LE(workers[0].budget_bytes, 10 * kGiB);
  EXPECT_LE(workers[1].budget_bytes, 5 * kGiB);
  EXPECT_GT(workers[1].budget_bytes, 4 * kGiB);
}

TEST_F(MachineOnFakeGpus, ACardThatHasFallenOffTheBusIsNamed) {
  fake_cuda::set_devices({{}, {}});
  fake_cuda::fail_operation(0, 1, fake_cuda::Fault::kOffTheBus);
  at::ones({1}, at::Device(at::kCUDA, 0));
  const auto devices = find_devices();
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[0].note, "Left out: the driver no longer reaches it.");
  EXPECT_THAT(devices[1].note, IsEmpty());
  expect_error(ErrorCode::kInvalidSettings, "the driver no longer reaches it", [] {
    EngineOptions options;
    options.devices = "cuda:0";
    open_workers(options);
  });
}

}  // namespace
}  // namespace relievo

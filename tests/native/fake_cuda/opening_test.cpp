// LibTorch asks once whether there is CUDA, at the first convolution, on the CPU too: its CUDA part has to be
// open by then wherever a GPU could be used.
#include <atomic>
#include <string>
#include <vector>

#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>
#include <gmock/gmock.h>

#include "engine/open_workers.h"
#include "fake_cuda.h"

namespace {

const c10::impl::DeviceGuardImplInterface* g_guard = nullptr;  // while libtorch_cuda is not open
std::vector<std::string>* g_opened = nullptr;

std::atomic<const c10::impl::DeviceGuardImplInterface*>& registered_guard() {
  return c10::impl::device_guard_impl_registry[static_cast<size_t>(c10::DeviceType::CUDA)];
}

}  // namespace

/// Stands before the C library's. libtorch_cuda registers its device guard when it is opened.
extern "C" __attribute__((visibility("default"))) void* dlopen(const char* path, int mode) noexcept {
  static const auto real = reinterpret_cast<void* (*)(const char*, int)>(dlsym(RTLD_NEXT, "dlopen"));
  if (!g_opened || !path || std::string(path).find("libtorch_cuda") == std::string::npos)
    return real(path, mode);
  g_opened->emplace_back(path);
  registered_guard() = g_guard;
  return real(nullptr, RTLD_NOW);
}

namespace relievo {
namespace {

/// The libraries of CUDA that are opened by whoever asks for the processor alone, on such a machine.
std::vector<std::string> opened_for_the_cpu(const fake_cuda::Driver& driver) {
  fake_cuda::set_devices({{}}, driver);
  std::vector<std::string> opened;
  g_guard = registered_guard().exchange(nullptr);
  g_opened = &opened;
  EngineOptions options;
  options.devices = "cpu";
  open_workers(options);
  g_opened = nullptr;
  registered_guard() = g_guard;
  return opened;
}

TEST(OpeningOnFakeGpus, TheCudaPartIsThereBeforeTheProcessorComputes) {
  EXPECT_THAT(opened_for_the_cpu({}), testing::ElementsAre(testing::EndsWith("/libtorch_cuda.so")));
}

TEST(OpeningOnFakeGpus, WhereItCanUseNoGpuItIsNotOpened) {
  EXPECT_THAT(opened_for_the_cpu({.branch = 570}), testing::IsEmpty());
}

}  // namespace
}  // namespace relievo

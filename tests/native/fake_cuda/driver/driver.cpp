// Stands in for NVIDIA's libnvidia-ml.so.1 and libcudart.so.13, as far as Relievo asks them what there is:
// the stand-in's devices (../devices.cpp), in a driver of branch 580. Also what libtorch_cpu links of cudart.
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <dlfcn.h>

namespace {

struct Found {
  int64_t total = 0, free = 0;
  int major = 0, minor = 0;
};

/// How many devices the program has; what it says of one of them.
int ask(int index, Found& found) {
  using Ask = int (*)(int, int64_t*, int64_t*, int*, int*);
  static const auto function = reinterpret_cast<Ask>(dlsym(RTLD_DEFAULT, "fake_cuda_device"));
  return function ? function(index, &found.total, &found.free, &found.major, &found.minor) : 0;
}

int count_devices() {
  Found found;
  return ask(0, found);
}

int index_of(void* handle) { return static_cast<int>(reinterpret_cast<intptr_t>(handle)) - 1; }

constexpr int kCuda = 13000, kNoDevice = 100, kNotFound = 6;

}  // namespace

extern "C" {
#pragma GCC visibility push(default)

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "580.65.06");
  return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = kCuda;
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(count_devices());
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  *handle = reinterpret_cast<void*>(static_cast<intptr_t>(index) + 1);
  return static_cast<int>(index) < count_devices() ? 0 : kNotFound;
}
int nvmlDeviceGetName(void* handle, char* text, unsigned size) {
  std::snprintf(text, size, "Stand-in %d", index_of(handle));
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* handle, unsigned long long* total_free_used) {
  Found found;
  ask(index_of(handle), found);
  total_free_used[0] = static_cast<unsigned long long>(found.total);
  total_free_used[1] = static_cast<unsigned long long>(found.free);
  total_free_used[2] = static_cast<unsigned long long>(found.total - found.free);
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(void* handle, int* major, int* minor) {
  Found found;
  ask(index_of(handle), found);
  *major = found.major;
  *minor = found.minor;
  return 0;
}
int nvmlDeviceGetPciInfo_v3(void* handle, void* info) {
  constexpr size_t kLegacyId = 16 + 5 * sizeof(unsigned);  // what stands in front of the number
  std::snprintf(static_cast<char*>(info) + kLegacyId, 32, "00000000:%02X:00.0", index_of(handle) + 1);
  return 0;
}

int cudaRuntimeGetVersion(int* version) {
  *version = kCuda;
  return 0;
}
int cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }
int cudaGetDeviceCount(int* count) {
  *count = count_devices();
  return *count > 0 ? 0 : kNoDevice;
}
int cudaDeviceGetPCIBusId(char* text, int size, int index) {
  std::snprintf(text, static_cast<size_t>(size), "0000:%02X:00.0", index + 1);
  return 0;
}
int cudaDeviceSynchronize() { return 0; }
int cudaGetDeviceProperties(void*, int) { return kNoDevice; }
const char* cudaGetErrorString(int) { return "an error of the stand-in"; }

#pragma GCC visibility pop
}

// Stands in for NVIDIA's libnvidia-ml.so.1 and libcudart.so.13, as far as Relievo asks them what there is:
// the stand-in's devices (../devices.cpp). Also what libtorch_cpu links of cudart.
//
// NVML counts cards, CUDA devices: those are the same but for cards in MIG mode, whose parts are devices.
// NVML's handles are 1 + a device's index for a card or its first part, and kPart more for a part itself. Of
// CUDA_VISIBLE_DEVICES it is only known whether it names anything.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <dlfcn.h>

namespace {

struct Found {
  int64_t bytes[3] = {};  // total, free, other programs'
  int numbers[4] = {};    // compute capability, card that it is part of, whether it is reached
};

template <typename Function>
Function of_the_program(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

/// How many devices the program has; what it says of one of them.
int ask(int index, Found& found) {
  static const auto function = of_the_program<int (*)(int, int64_t*, int*)>("fake_cuda_device");
  return function ? function(index, found.bytes, found.numbers) : 0;
}

struct Driver {
  int branch = 0, nvml_status = 0, cuda_status = 0;
};

Driver ask_driver() {
  static const auto function = of_the_program<void (*)(int*)>("fake_cuda_driver");
  int numbers[3] = {};
  if (function) function(numbers);
  return {numbers[0], numbers[1], numbers[2]};
}

std::vector<Found> all_devices() {
  std::vector<Found> all(1);
  const int count = ask(0, all[0]);
  all.resize(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) ask(i, all[static_cast<size_t>(i)]);
  return all;
}

/// The first device of each card.
std::vector<int> cards() {
  const std::vector<Found> all = all_devices();
  std::vector<int> first;
  for (size_t i = 0; i < all.size(); ++i) {
    const int part_of = all[i].numbers[2];
    if (part_of < 0 || i == 0 || all[i - 1].numbers[2] != part_of) first.push_back(static_cast<int>(i));
  }
  return first;
}

constexpr int kPart = 1000;
int index_of(void* handle) { return (static_cast<int>(reinterpret_cast<intptr_t>(handle)) - 1) % kPart; }
void* handle_of(int index) { return reinterpret_cast<void*>(static_cast<intptr_t>(index) + 1); }

/// The number of the device's card on the bus: of its first part.
int bus_of(int index) {
  int bus = 0;
  for (const int first : cards()) bus = first <= index ? first : bus;
  return bus + 1;
}

constexpr int kCuda = 13000, kNotFound = 6, kGpuIsLost = 15;  // NVML's statuses
constexpr int kInsufficientDriver = 35, kNoDevice = 100;      // CUDA's
constexpr int kOldestBranch = 580;                            // of CUDA 13

Found found_of(void* handle) {
  Found found;
  ask(index_of(handle), found);
  return found;
}

int status_of(const Found& found) { return found.numbers[3] != 0 ? 0 : kGpuIsLost; }

/// A number of 16 bytes that each device has.
void write_uuid(int index, unsigned char* bytes) {
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<unsigned char>(0xa0 + index);
}

}  // namespace

extern "C" {
#pragma GCC visibility push(default)

int nvmlInit_v2() { return ask_driver().nvml_status; }
int nvmlShutdown() { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "%d.65.06", ask_driver().branch);
  return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = ask_driver().branch >= kOldestBranch ? kCuda : 12080;
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(cards().size());
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  const std::vector<int> all = cards();
  if (index >= all.size()) return kNotFound;
  *handle = handle_of(all[index]);
  return status_of(found_of(*handle));
}
int nvmlDeviceGetName(void* handle, char* text, unsigned size) {
  const bool is_part = reinterpret_cast<intptr_t>(handle) > kPart;
  std::snprintf(text, size, "Stand-in %d%s", index_of(handle), is_part ? " MIG" : "");
  return 0;
}
/// Of a card in MIG mode only who administers the machine is told.
int nvmlDeviceGetMemoryInfo(void* handle, unsigned long long* total_free_used) {
  constexpr int kNoPermission = 4;
  const Found found = found_of(handle);
  if (found.numbers[2] >= 0 && reinterpret_cast<intptr_t>(handle) < kPart) return kNoPermission;
  total_free_used[0] = static_cast<unsigned long long>(found.bytes[0]);
  total_free_used[1] = static_cast<unsigned long long>(found.bytes[1]);
  total_free_used[2] = static_cast<unsigned long long>(found.bytes[0] - found.bytes[1]);
  return status_of(found);
}
int nvmlDeviceGetCudaComputeCapability(void* handle, int* major, int* minor) {
  const Found found = found_of(handle);
  *major = found.numbers[0];
  *minor = found.numbers[1];
  return status_of(found);
}
int nvmlDeviceGetPciInfo_v3(void* handle, void* info) {
  constexpr size_t kLegacyId = 16 + 5 * sizeof(unsigned);  // what stands in front of the number
  std::snprintf(static_cast<char*>(info) + kLegacyId, 32, "00000000:%02X:00.0", bus_of(index_of(handle)));
  return 0;
}
/// The programs that compute on it: one, where another one's memory is held.
int nvmlDeviceGetComputeRunningProcesses_v3(void* handle, unsigned* count, void* processes) {
  struct Process {
    unsigned pid;
    unsigned long long bytes;
    unsigned gpu_instance, compute_instance;
  };
  const Found found = found_of(handle);
  *count = found.bytes[2] > 0 ? 1 : 0;
  if (*count > 0)
    *static_cast<Process*>(processes) = {1, static_cast<unsigned long long>(found.bytes[2]), 0, 0};
  return 0;
}
int nvmlDeviceGetMigMode(void* handle, unsigned* now, unsigned* later) {
  *now = *later = found_of(handle).numbers[2] >= 0 ? 1 : 0;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(void*, unsigned* count) {
  *count = 7;
  return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(void* handle, unsigned index, void** part) {
  const std::vector<Found> all = all_devices();
  const size_t device = static_cast<size_t>(index_of(handle)) + index;
  if (device >= all.size() || all[device].numbers[2] != found_of(handle).numbers[2]) return kNotFound;
  *part = handle_of(static_cast<int>(device) + kPart);
  return 0;
}
int nvmlDeviceGetUUID(void* handle, char* text, unsigned size) {
  unsigned char b[16];
  write_uuid(index_of(handle), b);
  std::snprintf(text, size, "MIG-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                b[15]);
  return 0;
}

int cudaRuntimeGetVersion(int* version) {
  *version = kCuda;
  return 0;
}
int cudaDriverGetVersion(int* version) { return nvmlSystemGetCudaDriverVersion_v2(version); }
int cudaGetDeviceCount(int* count) {
  *count = 0;
  const Driver driver = ask_driver();
  if (driver.branch < kOldestBranch) return kInsufficientDriver;
  if (driver.cuda_status != 0) return driver.cuda_status;
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const int devices = static_cast<int>(all_devices().size());
  if (!visible || (*visible >= '0' && *visible <= '9' && std::atoi(visible) < devices)) *count = devices;
  return *count > 0 ? 0 : kNoDevice;
}
int cudaDeviceGetPCIBusId(char* text, int size, int index) {
  std::snprintf(text, static_cast<size_t>(size), "0000:%02X:00.0", bus_of(index));
  return 0;
}
int cudaDeviceSynchronize() { return 0; }
/// Only the name and the number, which come first.
int cudaGetDeviceProperties(void* properties, int index) {
  constexpr size_t kName = 256;
  std::snprintf(static_cast<char*>(properties), kName, "Stand-in %d", index);
  write_uuid(index, static_cast<unsigned char*>(properties) + kName);
  return 0;
}
const char* cudaGetErrorString(int status) {
  return status == 999 ? "unknown error" : "an error of the stand-in";
}

#pragma GCC visibility pop
}

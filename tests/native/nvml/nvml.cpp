// Stands in for NVIDIA's libnvidia-ml.so.1 on a machine of five cards, as NVML would describe it: two A100
// that four NVLinks join directly, an RTX 3090 behind a PCIe switch with one of them, an RTX 3090 on the
// other socket that reads nobody's memory, and a card of which the driver tells no more than name and memory.
#include <cstdint>
#include <cstdio>

namespace {

constexpr unsigned kCards = 5;
constexpr int kNotSupported = 3;

struct Card {
  const char* name;
  int major, minor;
  unsigned cores, clock, memory_clock, bus_bits, pcie_generation, pcie_lanes;
};
constexpr Card kCard[kCards] = {{"NVIDIA A100-SXM4-80GB", 8, 0, 6912, 1410, 1593, 5120, 4, 16},
                                {"NVIDIA A100-SXM4-80GB", 8, 0, 6912, 1410, 1593, 5120, 4, 16},
                                {"NVIDIA GeForce RTX 3090", 8, 6, 10496, 1695, 9751, 384, 4, 8},
                                {"NVIDIA GeForce RTX 3090", 8, 6, 10496, 1695, 9751, 384, 4, 16},
                                {"A card of few words", 0, 0, 0, 0, 0, 0, 0, 0}};

unsigned index_of(void* handle) { return static_cast<unsigned>(reinterpret_cast<intptr_t>(handle)) - 1; }

int tell(unsigned value, unsigned* out) {
  *out = value;
  return value > 0 ? 0 : kNotSupported;
}

}  // namespace

extern "C" {
#pragma GCC visibility push(default)

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "580.65.06");
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned* count) { return tell(kCards, count); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  *handle = reinterpret_cast<void*>(static_cast<intptr_t>(index) + 1);
  return 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned size) {
  std::snprintf(text, size, "%s", kCard[index_of(device)].name);
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(void* device, int* major, int* minor) {
  *major = kCard[index_of(device)].major;
  *minor = kCard[index_of(device)].minor;
  return *major > 0 ? 0 : kNotSupported;
}
int nvmlDeviceGetPciInfo_v3(void* device, void* info) {
  constexpr size_t kLegacyId = 16 + 5 * sizeof(unsigned);
  std::snprintf(static_cast<char*>(info) + kLegacyId, 32, "00000000:%02X:00.0", index_of(device) + 1);
  return 0;
}
int nvmlDeviceGetNumGpuCores(void* device, unsigned* cores) {
  return tell(kCard[index_of(device)].cores, cores);
}
int nvmlDeviceGetMaxClockInfo(void* device, unsigned kind, unsigned* mhz) {
  const Card& card = kCard[index_of(device)];
  return tell(kind == 1 ? card.clock : kind == 2 ? card.memory_clock : 0, mhz);
}
int nvmlDeviceGetMemoryBusWidth(void* device, unsigned* bits) {
  return tell(kCard[index_of(device)].bus_bits, bits);
}
int nvmlDeviceGetMaxPcieLinkGeneration(void* device, unsigned* generation) {
  return tell(kCard[index_of(device)].pcie_generation, generation);
}
int nvmlDeviceGetMaxPcieLinkWidth(void* device, unsigned* lanes) {
  return tell(kCard[index_of(device)].pcie_lanes, lanes);
}
int nvmlDeviceGetTopologyCommonAncestor(void* a, void* b, int* level) {
  const unsigned first = index_of(a), second = index_of(b);
  const bool over_switch = first + second == 3 && first != 0 && second != 0;  // 1 and 2
  *level = first == 3 || second == 3 ? 50 : over_switch ? 20 : 30;
  return 0;
}
int nvmlDeviceGetP2PStatus(void* a, void* b, unsigned kind, int* status) {
  const unsigned first = index_of(a), second = index_of(b);
  const bool reads = first < 3 && second < 3, by_nvlink = first < 2 && second < 2;
  *status = (kind == 0 && reads) || (kind == 2 && by_nvlink) ? 0 : 1;
  return 0;
}
int nvmlDeviceGetNvLinkState(void* device, unsigned link, unsigned* active) {
  *active = index_of(device) < 2 && link < 4 ? 1 : 0;
  return 0;
}
int nvmlDeviceGetNvLinkVersion(void*, unsigned, unsigned* version) { return tell(3, version); }
int nvmlDeviceGetNvLinkRemoteDeviceType(void*, unsigned, int* type) {
  *type = 0;  // a GPU
  return 0;
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(void* device, unsigned, void* info) {
  return nvmlDeviceGetPciInfo_v3(reinterpret_cast<void*>(intptr_t{index_of(device) == 0 ? 2 : 1}), info);
}

#pragma GCC visibility pop
}

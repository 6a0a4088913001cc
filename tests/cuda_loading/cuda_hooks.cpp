// Prints what torch makes of libtorch_cuda, opened before or after it has computed on the CPU; how long that
// takes and what it costs; or which function of the library a limit of memory is set by. For
// tests/cuda_loading: `cuda_hooks before|after|never|limit`.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <regex>
#include <string>

#include <ATen/ATen.h>

#include "runtime/torch/device_memory.h"

namespace {

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

void open() {
  const long before = resident_kib();
  const auto begin = std::chrono::steady_clock::now();
  std::string why;
  const bool is_open = relievo::open_torch_cuda(&why);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
  std::printf("open: %s\n", is_open ? "yes" : why.c_str());
  std::fprintf(stderr, "%.0f ms, %.1f MiB more resident\n", taken.count(),
               static_cast<double>(resident_kib() - before) / 1024);
}

/// Without a device the allocator refuses a limit, and tells where it does. The call goes through the table
/// of the class that its header declares, so another class in the library would be found out here.
void limit() {
  try {
    relievo::limit_device_memory(0, int64_t{1} << 30);
    std::printf("limit: set\n");
  } catch (const c10::Error& error) {
    // The message has the device's number as a character, so what() ends there, before it tells the place.
    const std::string raised = error.backtrace() ? error.backtrace()->get() : std::string();
    std::smatch place;
    const bool is_told =
        std::regex_search(raised, place, std::regex(R"(raised from (\w+) at \S*/(\w+\.cpp))"));
    std::printf("limit: %s\n", error.msg().c_str());
    std::printf("by: %s\n", is_told ? (place[1].str() + " in " + place[2].str()).c_str() : raised.c_str());
  }
}

}  // namespace

int main(int count, char** words) {
  const std::string when = count > 1 ? words[1] : "never";
  if (when == "before" || when == "limit") open();
  const at::Tensor x = at::ones({1, 3, 8, 8});
  std::printf("sum: %g\n", at::conv2d(x, at::ones({2, 3, 3, 3})).sum().item<double>());
  if (when == "after") open();
  if (when == "limit") limit();
  return 0;
}

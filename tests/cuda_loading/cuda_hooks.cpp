// Prints what torch makes of libtorch_cuda, opened before or after it has computed on the CPU; how long that
// takes and what it costs. For tests/cuda_loading: `cuda_hooks before|after|never`.
#include <chrono>
#include <cstdio>
#include <fstream>
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

}  // namespace

int main(int count, char** words) {
  const std::string when = count > 1 ? words[1] : "never";
  if (when == "before") open();
  const at::Tensor x = at::ones({1, 3, 8, 8});
  std::printf("sum: %g\n", at::conv2d(x, at::ones({2, 3, 3, 3})).sum().item<double>());
  if (when == "after") open();
  return 0;
}

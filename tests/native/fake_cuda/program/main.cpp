// The program `relievo` with the tiny models, on GPUs that are not there. RELIEVO_FAKE_GPUS says which, in
// JSON:
//
//   {"gpus": [{"gib": 16, "compute": [8, 6], "others_gib": 0, "part_of": 0, "fails_at": 300, "falls_off_at":
//   300,
//              "traps_at": 3}],
//    "branch": 580, "nvml_status": 0, "cuda_status": 0}
//
// Every word may be left out. What fails is the n-th operation of the device, what traps the n-th launch of a
// kernel of ours. A finding of the stand-in ends the process with status 99.
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "../../engine/tiny_models.h"
#include "../fake_cuda.h"
#include "app/program.h"
#include "base/error.h"

namespace {

using nlohmann::json;

constexpr double kGiB = 1 << 30;

fake_cuda::Device device_of(const json& gpu) {
  fake_cuda::Device device;
  if (gpu.contains("gib")) device.bytes = static_cast<int64_t>(gpu["gib"].get<double>() * kGiB);
  if (gpu.contains("others_gib"))
    device.others_bytes = static_cast<int64_t>(gpu["others_gib"].get<double>() * kGiB);
  if (gpu.contains("compute")) {
    device.compute_major = gpu["compute"][0];
    device.compute_minor = gpu["compute"][1];
  }
  if (gpu.contains("part_of")) device.part_of = gpu["part_of"].get<int>();
  return device;
}

void set_devices(const json& wanted) {
  std::vector<fake_cuda::Device> devices;
  const json gpus = wanted.value("gpus", json::array({json::object()}));
  for (const json& gpu : gpus) devices.push_back(device_of(gpu));
  fake_cuda::set_devices(devices, {.branch = wanted.value("branch", 580),
                                   .nvml_status = wanted.value("nvml_status", 0),
                                   .cuda_status = wanted.value("cuda_status", 0)});
  for (size_t i = 0; i < gpus.size(); ++i) {
    const int device = static_cast<int>(i);
    if (gpus[i].contains("fails_at")) fake_cuda::fail_operation(device, gpus[i]["fails_at"].get<int64_t>());
    if (gpus[i].contains("falls_off_at"))
      fake_cuda::fail_operation(device, gpus[i]["falls_off_at"].get<int64_t>(), fake_cuda::Fault::kOffTheBus);
    if (gpus[i].contains("traps_at")) fake_cuda::trap_kernel(device, gpus[i]["traps_at"].get<int64_t>());
  }
}

std::unique_ptr<relievo::Transport> no_web(const std::filesystem::path&) {
  throw relievo::Error(relievo::ErrorCode::kIo, "There is no web here.", "Use the program itself.");
}

}  // namespace

int main(int argc, char** argv) {
  const char* wanted = std::getenv("RELIEVO_FAKE_GPUS");
  set_devices(wanted ? json::parse(wanted) : json::object());
  const relievo::WithTinyModels models;
  const int status = relievo::run_program(argc, argv, no_web);
  constexpr int kFindings = 99;
  const auto findings = fake_cuda::take_findings();
  for (const std::string& finding : findings) std::fprintf(stderr, "%s\n", finding.c_str());
  return findings.empty() ? status : kFindings;
}

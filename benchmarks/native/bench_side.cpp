#include "benchmarks/native/bench_side.h"

#include <cmath>
#include <ctime>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "runtime/torch/counting_allocator.h"
#include "runtime/torch/device_memory.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr double kLongSeconds = 60;  // what takes so long is measured once

int64_t resident_bytes() {
  std::ifstream stream("/proc/self/statm");
  int64_t total = 0, resident = 0;
  stream >> total >> resident;
  return resident * 4096;
}

/// The processor time of all threads, which a busy machine disturbs least.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

at::ScalarType dtype_of(const json& arguments) {
  const std::string name = arguments.at("dtype");
  return name == "bfloat16" ? at::kBFloat16 : name == "float16" ? at::kHalf : at::kFloat;
}

/// As the arguments and the report name a precision.
std::string dtype_name(const std::string& precision) {
  return precision == "bf16" ? "bfloat16" : precision == "fp16" ? "float16" : "float32";
}

/// Waits until the device has done what it was told.
void synchronise(at::Device device) {
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(c10::kCUDA).synchronizeDevice(device.index());
}

/// Root of the mean squared difference, in parts of the other's standard deviation.
double relative_difference(const std::vector<double>& ours, const std::vector<double>& other) {
  if (ours.size() != other.size() || ours.empty()) return INFINITY;
  const auto count = static_cast<double>(ours.size());
  double mean = 0, variance = 0, squares = 0;
  for (const double value : other) mean += value / count;
  for (size_t i = 0; i < ours.size(); ++i) {
    variance += (other[i] - mean) * (other[i] - mean) / count;
    squares += (ours[i] - other[i]) * (ours[i] - other[i]) / count;
  }
  return std::sqrt(squares / variance);
}

}  // namespace

at::Device open_device(const std::string& device) {
  if (device == "cpu") return at::kCPU;
  std::string why;
  if (!device.starts_with("cuda") || !open_torch_cuda(&why)) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The device '{}' cannot be used{}{}.", device, why.empty() ? "" : ": ", why),
                "Use cpu, or cuda:0 where LibTorch has its CUDA part and there is a driver.");
  }
  at::globalContext().lazyInitDevice(c10::kCUDA);  // the allocator has no counters before
  return at::Device(device == "cuda" ? "cuda:0" : device);
}

PeakMemory::PeakMemory(at::Device device) : device_(device), resident_before_(resident_bytes()) {
  reset_peak_resident_bytes();
  if (device.is_cuda()) reset_device_peaks(device.index());
}

json PeakMemory::report() const {
  const auto memory = device_.is_cuda() ? device_memory(device_.index()) : std::nullopt;
  const int64_t resident = peak_resident_bytes() - resident_before_;
  return {{"peak_allocated_bytes", memory ? memory->peak_allocated_bytes : resident},
          {"peak_reserved_bytes", memory ? memory->peak_reserved_bytes : resident}};
}

json measure_side(const json& arguments, const PrepareSide& prepare) {
  const at::NoGradGuard no_grad;
  const at::Device device = open_device(arguments.at("device"));
  install_counting_allocator();
  const int threads = arguments.at("threads");
  if (threads > 0) {
    at::set_num_threads(threads);
    set_parallel_threads(threads);
  }
  const at::Tensor block = number_block();
  const PeakMemory of_device(device);
  const int64_t before = resident_bytes();
  int64_t weights = 0;
  const std::function<at::Tensor()> run =
      prepare(block, at::TensorOptions(device).dtype(dtype_of(arguments)), weights);
  reset_peak_resident_bytes();
  double best = INFINITY, best_cpu = INFINITY, sum = 0;
  at::Tensor out;
  const int warm_up = arguments.at("warm_up"), repeats = arguments.at("repeats");
  int timed = 0;
  for (int repeat = 0; repeat < warm_up + repeats; ++repeat) {
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    out = run();
    synchronise(device);
    const double seconds = seconds_since(start);
    if (repeat >= warm_up || seconds > kLongSeconds) {
      best = std::min(best, seconds);
      best_cpu = std::min(best_cpu, cpu_seconds() - cpu_start);
      sum += seconds;
      ++timed;
    }
    if (seconds > kLongSeconds) break;
  }
  const int64_t peak = peak_resident_bytes();
  const json memory = of_device.report();
  const at::Tensor flat = out.to(at::kCPU).to(at::kFloat).contiguous().flatten();
  const at::Tensor sample =
      flat.slice(0, 0, flat.numel(), std::max<int64_t>(1, flat.numel() / 4096)).contiguous();
  const int64_t beyond_weights =
      device.is_cuda() ? memory.at("peak_allocated_bytes").get<int64_t>() - weights : peak - before - weights;
  return {{"seconds", best},
          {"mean_seconds", sum / timed},
          {"it_per_s", timed / sum},
          {"cpu_seconds", best_cpu},
          {"peak_bytes", beyond_weights},
          {"peak_allocated_bytes", memory.at("peak_allocated_bytes")},
          {"peak_reserved_bytes", memory.at("peak_reserved_bytes")},
          {"vm_hwm_bytes", peak},
          {"weight_bytes", weights},
          {"sample", std::vector<float>(sample.const_data_ptr<float>(),
                                        sample.const_data_ptr<float>() + sample.numel())}};
}

json measure_pair(const std::string& name, const json& arguments, double allowed, const char* environment) {
  constexpr int kRounds = 2;
  json ours, other;
  for (int round = 0; round < kRounds; ++round) {
    const json mine = run_own_side(name, arguments),
               theirs = run_baseline(name + ".py", arguments, environment);
    const auto is_better = [&](const json& a, const json& b) {
      return round == 0 || a.at("seconds") < b.at("seconds");
    };
    if (is_better(mine, ours)) ours = mine;
    if (is_better(theirs, other)) other = theirs;
    if (theirs.at("seconds") > kLongSeconds) break;
  }
  const double difference =
      relative_difference(ours.at("sample").get<std::vector<double>>(), other.at("sample"));
  const auto over_start = [](const json& side) {
    return side.at("peak_bytes").get<double>() + side.at("weight_bytes").get<double>();
  };
  return {{"ours_s", ours.at("seconds")},
          {"other_s", other.at("seconds")},
          {"ratio", other.at("seconds").get<double>() / ours.at("seconds").get<double>()},
          {"ours_cpu_s", ours.at("cpu_seconds")},
          {"other_cpu_s", other.at("cpu_seconds")},
          {"ours_peak_bytes", ours.at("peak_bytes")},  // beyond the weights
          {"other_peak_bytes", other.at("peak_bytes")},
          {"memory_ratio", over_start(other) / over_start(ours)},  // weights included
          {"it_per_s", ours.at("it_per_s")},
          {"peak_allocated_bytes", ours.at("peak_allocated_bytes")},
          {"peak_reserved_bytes", ours.at("peak_reserved_bytes")},
          {"vm_hwm_bytes", ours.at("vm_hwm_bytes")},
          {"weight_bytes", ours.at("weight_bytes")},
          {"relative_difference", difference},
          {"exact", difference < allowed}};
}

namespace {

/// Our side alone.
json measure_alone(const std::string& name, const json& arguments) {
  json ours = run_own_side(name, arguments);
  ours.erase("sample");
  ours["ours_s"] = ours.at("seconds");
  return ours;
}

}  // namespace

json report_of_pair(const std::string& name, const BenchOptions& options, json arguments,
                    const char* environment) {
  arguments.update({{"threads", options.threads},
                    {"repeats", options.repeats},
                    {"warm_up", options.warm_up},
                    {"device", options.device},
                    {"compiled", false}});
  json report{{"name", name}};
  bool is_first = true;
  for (const std::string& precision : options.precisions) {
    arguments["dtype"] = dtype_name(precision);
    // Two runs in half precision that round at other places differ by about this; float32 ones hardly.
    const double allowed = precision == "fp32" ? 1e-3 : 0.1;
    json measured = options.is_alone ? measure_alone(name, arguments)
                                     : measure_pair(name, arguments, allowed, environment);
    if (options.with_compiled && !options.is_alone) {
      json compiled = arguments;
      compiled["compiled"] = true;
      measured["compiled"] = measure_pair(name, compiled, allowed, environment);
    }
    if (!is_first) {
      report[dtype_name(precision)] = measured;
      continue;
    }
    is_first = false;
    report.update(measured);
    report["dtype"] = dtype_name(precision);
    report["device"] = options.device;
    report["full_size"] = !options.quick && options.height == 0;
    report["threads"] = options.threads > 0 ? options.threads : parallel_threads();
  }
  return report;
}

}  // namespace relievo

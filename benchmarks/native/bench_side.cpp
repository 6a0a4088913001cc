#include "benchmarks/native/bench_side.h"

#include <cmath>
#include <ctime>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "runtime/torch/counting_allocator.h"

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
  return arguments.at("dtype") == "bfloat16" ? at::kBFloat16 : at::kFloat;
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

json measure_side(const json& arguments, const PrepareSide& prepare) {
  const at::NoGradGuard no_grad;
  install_counting_allocator();
  const int threads = arguments.at("threads");
  if (threads > 0) {
    at::set_num_threads(threads);
    set_parallel_threads(threads);
  }
  const at::Tensor block = number_block();
  const int64_t before = resident_bytes();
  int64_t weights = 0;
  const std::function<at::Tensor()> run = prepare(block, dtype_of(arguments), weights);
  reset_peak_resident_bytes();
  double best = INFINITY, best_cpu = INFINITY;
  at::Tensor out;
  const int repeats = arguments.at("repeats");
  for (int repeat = 0; repeat <= repeats; ++repeat) {
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    out = run();
    const double seconds = seconds_since(start);
    if (repeat > 0 || repeats == 0 || seconds > kLongSeconds) {
      best = std::min(best, seconds);
      best_cpu = std::min(best_cpu, cpu_seconds() - cpu_start);
    }
    if (seconds > kLongSeconds) break;
  }
  const int64_t peak = peak_resident_bytes();
  const at::Tensor flat = out.to(at::kFloat).contiguous().flatten();
  const at::Tensor sample =
      flat.slice(0, 0, flat.numel(), std::max<int64_t>(1, flat.numel() / 4096)).contiguous();
  return {{"seconds", best},
          {"cpu_seconds", best_cpu},
          {"peak_bytes", peak - before - weights},
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
          {"vm_hwm_bytes", ours.at("vm_hwm_bytes")},
          {"weight_bytes", ours.at("weight_bytes")},
          {"relative_difference", difference},
          {"exact", difference < allowed}};
}

json report_of_pair(const std::string& name, const BenchOptions& options, json arguments,
                    const char* environment) {
  arguments["threads"] = options.threads;
  arguments["repeats"] = 2;
  arguments["dtype"] = "bfloat16";
  json report{{"name", name}};
  // Two bfloat16 runs that round at other places differ by about this; float32 ones hardly.
  report.update(measure_pair(name, arguments, 0.1, environment));
  report["dtype"] = "bfloat16";
  report["full_size"] = !options.quick;
  report["threads"] = options.threads > 0 ? options.threads : parallel_threads();
  arguments["dtype"] = "float32";
  arguments["repeats"] = 1;
  report["float32"] = measure_pair(name, arguments, 1e-3, environment);
  return report;
}

}  // namespace relievo

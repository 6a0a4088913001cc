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

constexpr int64_t kBlock = int64_t{1} << 20;
constexpr double kLongSeconds = 60;  // what takes so long is measured once

/// MurmurHash3's finalizer of 0, 1, 2, ..., in -0.5..0.5.
at::Tensor number_block() {
  at::Tensor block = at::empty({kBlock}, at::kFloat);
  float* numbers = block.data_ptr<float>();
  for (uint32_t i = 0; i < kBlock; ++i) {
    uint32_t x = i;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    numbers[i] = static_cast<float>(x / 4294967296.0 - 0.5);
  }
  return block;
}

/// The place in the block where the numbers of this name begin.
int64_t place_of(const std::string& name) {
  uint32_t place = 2166136261u;  // FNV-1a
  for (const char c : name) place = (place ^ static_cast<uint8_t>(c)) * 16777619u;
  return place % kBlock;
}

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

at::Tensor numbers_of(const std::string& name, at::IntArrayRef shape, const at::Tensor& block) {
  const at::Tensor rolled = at::roll(block, -place_of(name));
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return rolled.repeat({(count + kBlock - 1) / kBlock}).slice(0, 0, count).reshape(shape);
}

int64_t fill_with_numbers(torch::nn::Module& network, const at::Tensor& block, at::ScalarType dtype) {
  int64_t bytes = 0;
  for (auto& item : network.named_parameters()) {
    at::Tensor& parameter = item.value();
    double factor = 0.2, shift = item.key().ends_with("weight") ? 1 : 0;
    if (parameter.dim() >= 2) {
      factor =
          std::sqrt(12 * static_cast<double>(parameter.size(0)) / static_cast<double>(parameter.numel()));
      shift = 0;
    }
    const at::Tensor numbers = at::roll(block, -place_of(item.key())).mul_(factor).add_(shift).to(dtype);
    const at::Tensor values = at::empty(parameter.sizes(), dtype);
    const at::Tensor flat = values.view(-1);
    for (int64_t at = 0; at < flat.numel(); at += kBlock) {
      const int64_t count = std::min(kBlock, flat.numel() - at);
      flat.narrow(0, at, count).copy_(numbers.narrow(0, 0, count));
    }
    parameter.set_data(values);
    bytes += parameter.numel() * parameter.element_size();
  }
  return bytes;
}

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

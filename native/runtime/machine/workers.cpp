#include "runtime/machine/workers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/numbers.h"
#include "base/refusals.h"

namespace relievo {
namespace {

constexpr std::string_view kHint =
    "Write devices as cuda:0,cuda:1 or cpu*2@3GiB: a device, *N for N shares of it, @SIZE for the memory of "
    "each.";
constexpr std::string_view kImaginaryHint =
    "Write an imaginary machine as 8x80GiB,2x24GiB; 2x24GiB@0.5 is half as fast.";

[[noreturn]] void refuse(std::string message, std::string_view hint) {
  throw Error(ErrorCode::kInvalidSettings, std::move(message), std::string(hint));
}

[[noreturn]] void refuse_device(std::string_view device) {
  refuse(fmt::format("Unknown device '{}'.", device), kHint);
}

std::vector<std::string_view> words_of(std::string_view list, std::string_view hint) {
  std::vector<std::string_view> words;
  std::string_view text = list;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view word = text.substr(0, comma);
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    if (word.empty()) throw invalid_value("list of devices", list, std::string(hint));
    words.push_back(word);
    if (comma == std::string_view::npos) return words;
    text.remove_prefix(comma + 1);
  }
}

int parse_count(std::string_view text, std::string_view word, std::string_view hint) {
  const auto value = read_number<int>(text);
  if (!value || *value < 1 || *value > kMaxWorkers) {
    refuse(fmt::format("Invalid number '{}' in '{}'.", text, word),
           fmt::format("Use 1 to {}. {}", kMaxWorkers, hint));
  }
  return *value;
}

struct Request {
  std::string_view word;
  std::string_view device;
  int count = 1;
  // Bytes of each share; 0 where it is not given.
  int64_t bytes = 0;
};

Request parse_request(std::string_view word) {
  Request request{word, word, 1, 0};
  if (const size_t at = request.device.find('@'); at != std::string_view::npos) {
    request.bytes = parse_bytes(request.device.substr(at + 1));
    request.device = request.device.substr(0, at);
  }
  if (const size_t star = request.device.find('*'); star != std::string_view::npos) {
    request.count = parse_count(request.device.substr(star + 1), word, kHint);
    request.device = request.device.substr(0, star);
  }
  return request;
}

void append_shares(std::vector<Worker>& workers, const Request& request, Worker whole) {
  const int64_t free = whole.budget_bytes;
  const int64_t each = request.bytes > 0 ? request.bytes : free / request.count;
  if (each > free / request.count) {
    refuse(fmt::format("'{}' asks for {}, but '{}' has {} free.", request.word,
                       format_bytes(each * request.count), request.device, format_bytes(free)),
           "Ask for less memory, or close the programs that use it. `relievo devices` shows what is free.");
  }
  if (whole.kind == DeviceKind::kCpu && request.count > whole.threads) {
    refuse(fmt::format("'{}' asks for {} shares of {} processor threads.", request.word, request.count,
                       whole.threads),
           "Ask for at most one share for each thread.");
  }
  for (int i = 0; i < request.count; ++i) {
    Worker worker = whole;
    if (request.count > 1) worker.name += fmt::format("#{}", i);
    worker.budget_bytes = each;
    worker.follows_memory = request.bytes == 0;
    worker.shares = request.count;
    if (whole.kind == DeviceKind::kCpu) {  // the first shares take the remainder
      worker.threads = whole.threads / request.count + (i < whole.threads % request.count ? 1 : 0);
      worker.speed = worker.threads;
    } else {
      worker.threads = worker.side_threads = std::max(1, whole.threads / request.count);
      worker.speed = whole.speed / request.count;
    }
    workers.push_back(std::move(worker));
  }
}

Worker whole_gpu(int index, const WorkerSources& sources) {
  Worker worker;
  worker.name = fmt::format("cuda:{}", index);
  worker.kind = DeviceKind::kCuda;
  worker.device = index;
  worker.threads = std::max(1, sources.cpu_threads / int(sources.usable_gpus().size()));
  worker.side_threads = worker.threads;
  worker.follows_memory = true;
  worker.budget_bytes = sources.gpu_free_bytes.at(size_t(index));
  worker.speed = kGpuSpeed;
  if (size_t(index) < sources.gpu_names.size()) worker.product = sources.gpu_names[size_t(index)];
  if (size_t(index) < sources.gpu_computes.size()) worker.compute = sources.gpu_computes[size_t(index)];
  worker.half = half_of_gpu(worker.compute);
  const size_t at = size_t(index);
  if (at < sources.gpu_speeds.size() && sources.gpu_speeds[at].single > 0 &&
      sources.gpu_speeds[at].half > 0) {
    worker.speed = sources.gpu_speeds[at].single / kThreadOperations;
    worker.half_gain = sources.gpu_speeds[at].half / sources.gpu_speeds[at].single;
  }
  if (at < sources.gpu_host_bytes_per_second.size() && sources.gpu_host_bytes_per_second[at] > 0) {
    worker.host_bytes_per_second = sources.gpu_host_bytes_per_second[at];
  }
  if (at < sources.gpu_links.size()) worker.links = sources.gpu_links[at];
  return worker;
}

Worker whole_cpu(const WorkerSources& sources) {
  Worker worker;
  worker.name = "cpu";
  worker.threads = sources.cpu_threads;
  worker.follows_memory = true;
  worker.budget_bytes = sources.cpu_free_bytes;
  worker.speed = worker.threads;
  worker.product = sources.cpu_name;
  worker.half = sources.cpu_half;
  return worker;
}

}  // namespace

const Worker* worker_on_gpu(std::span<const Worker> workers, int gpu) {
  const auto found = std::ranges::find_if(workers, [&](const Worker& worker) {
    return worker.kind == DeviceKind::kCuda && worker.device == gpu;
  });
  return found == workers.end() ? nullptr : &*found;
}

std::string half_of_gpu(int compute) {
  constexpr int kAmpere = 80;
  return compute == 0 || compute >= kAmpere ? "bf16" : "fp16";
}

std::string fast_precision(std::span<const Worker> workers) {
  const std::string& first = workers.front().half;
  const auto all = [&](auto&& is_so) { return std::ranges::all_of(workers, is_so); };
  if (all([&](const Worker& worker) { return worker.half == first; })) return first.empty() ? "fp32" : first;
  // Different ones: of a GPU before Ampere and a later one, which is as fast in fp16.
  return all([](const Worker& worker) { return worker.kind != DeviceKind::kCpu; }) ? "fp16" : "fp32";
}

std::vector<int> WorkerSources::usable_gpus() const {
  std::vector<int> usable;
  for (int i = 0; i < int(gpu_free_bytes.size()); ++i) {
    if (gpu_free_bytes[size_t(i)] > 0) usable.push_back(i);
  }
  return usable;
}

int64_t parse_bytes(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 9> kUnits{{{"TiB", 1099511627776.0},
                                                                       {"GiB", 1073741824.0},
                                                                       {"MiB", 1048576.0},
                                                                       {"KiB", 1024.0},
                                                                       {"TB", 1e12},
                                                                       {"GB", 1e9},
                                                                       {"MB", 1e6},
                                                                       {"KB", 1e3},
                                                                       {"B", 1}}};
  for (const auto& [unit, factor] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto value = read_number<double>(text.substr(0, text.size() - unit.size()));
    if (value && *value * factor >= 1 && *value * factor < 9e18) return std::llround(*value * factor);
    break;
  }
  throw invalid_value("size of memory", text, "Write it as 3GiB, 1.5GiB or 512MiB.");
}

std::string format_bytes(int64_t bytes) {
  if (bytes >= 1000LL << 20) return fmt::format("{:.2f} GiB", double(bytes) / double(1 << 30));
  if (bytes >= 1000LL << 10) return fmt::format("{:.1f} MiB", double(bytes) / double(1 << 20));
  return fmt::format("{:.1f} KiB", double(bytes) / 1024);
}

std::vector<Worker> parse_workers(std::string_view text, const WorkerSources& sources) {
  std::vector<Worker> workers;
  std::set<std::string> named;
  const auto add = [&](const Request& request, Worker whole) {
    if (!named.insert(whole.name).second)
      refuse(fmt::format("The device '{}' is named twice.", whole.name), kHint);
    append_shares(workers, request, std::move(whole));
  };
  const int gpus = int(sources.gpu_free_bytes.size());
  const std::vector<int> usable = sources.usable_gpus();
  for (const std::string_view word : words_of(text, kHint)) {
    const Request request = parse_request(word);
    if (request.device == "cpu") {
      add(request, whole_cpu(sources));
    } else if (request.device == "cuda") {
      if (usable.empty())
        refuse("No CUDA device can be used here.", "Use cpu. `relievo devices` says what is missing.");
      for (const int i : usable) add(request, whole_gpu(i, sources));
    } else if (request.device.starts_with("cuda:")) {
      const int index = read_number<int>(request.device.substr(5)).value_or(-1);
      if (index < 0) refuse_device(request.device);
      if (index >= gpus) {
        refuse(fmt::format("The device '{}' is not there: this machine has {} CUDA device{}.", request.device,
                           gpus, gpus == 1 ? "" : "s"),
               "Use another, or cpu. `relievo devices` lists them.");
      }
      if (!std::ranges::binary_search(usable, index)) {
        refuse(fmt::format("The device '{}' cannot be used.", request.device),
               "Use another, or cpu. `relievo devices` shows memory and compute capability.");
      }
      add(request, whole_gpu(index, sources));
    } else {
      refuse_device(request.device);
    }
  }
  return workers;
}

std::vector<Worker> parse_imaginary_workers(std::string_view text, int nodes) {
  const auto refuse_so_many = [&] {
    refuse(nodes == 1 ? fmt::format("'{}' has too many devices.", text)
                      : fmt::format("{} nodes of '{}' have too many devices.", nodes, text),
           fmt::format("Use at most {}.", kMaxWorkers));
  };
  std::vector<Worker> workers;
  int kinds = 0;
  for (const std::string_view word : words_of(text, kImaginaryHint)) {
    const size_t times = word.find('x');
    if (times == std::string_view::npos) throw invalid_value("machine", word, std::string(kImaginaryHint));
    const int count = parse_count(word.substr(0, times), word, kImaginaryHint);
    std::string_view size = word.substr(times + 1);
    Worker worker;
    worker.kind = DeviceKind::kImaginary;
    worker.threads = worker.side_threads = kImaginaryThreads;
    worker.half = half_of_gpu(worker.compute);
    if (const size_t at = size.find('@'); at != std::string_view::npos) {
      const std::string_view speed = size.substr(at + 1);
      worker.speed = read_number<double>(speed).value_or(0);
      if (!(worker.speed > 0) || worker.speed > 1000) {
        refuse(fmt::format("Invalid speed '{}' in '{}'.", speed, word), "Use a number above 0, up to 1000.");
      }
      size = size.substr(0, at);
    }
    worker.budget_bytes = parse_bytes(size);
    worker.speed *= kGpuSpeed;
    for (int i = 0; i < count; ++i) {
      worker.name = fmt::format("{}{}#{}", size, kinds == 0 ? "" : fmt::format(".{}", kinds), i);
      worker.device = int(workers.size());
      workers.push_back(worker);
      if (workers.size() > kMaxWorkers) refuse_so_many();
    }
    ++kinds;
  }
  if (nodes == 1) return workers;
  if (int64_t(nodes) * int64_t(workers.size()) > kMaxWorkers) refuse_so_many();
  std::vector<Worker> cluster;
  for (int node = 0; node < nodes; ++node) {
    for (Worker worker : workers) {
      worker.name = fmt::format("node{}:{}", node, worker.name);
      worker.node = node;
      worker.device = int(cluster.size());
      cluster.push_back(std::move(worker));
    }
  }
  return cluster;
}

std::vector<Worker> default_workers(const WorkerSources& sources) {
  std::vector<Worker> workers;
  for (const int i : sources.usable_gpus()) workers.push_back(whole_gpu(i, sources));
  if (workers.empty()) workers.push_back(whole_cpu(sources));
  return workers;
}

}  // namespace relievo

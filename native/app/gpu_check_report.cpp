#include "app/gpu_check_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "app/own_process.h"
#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/refusals.h"
#include "engine/open_workers.h"
#include "runtime/torch/link_speed.h"
#include "verify/check_list.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json to_json(const DeviceCheck& check) {
  return {{"device", check.device},
          {"name", check.name},
          {"number", std::isfinite(check.number) ? json(check.number) : json(nullptr)},
          {"limit", check.limit},
          {"at_least", check.is_at_least},
          {"unit", check.unit},
          {"ok", check.ok()},
          {"error", check.error},
          {"note", check.note}};
}

DeviceCheck from_json(const json& object) {
  const json& number = object.at("number");
  return {.device = object.at("device"),
          .name = object.at("name"),
          .number = number.is_null() ? kNothingToCompare : number.get<double>(),
          .limit = object.at("limit"),
          .unit = object.at("unit"),
          .error = object.at("error"),
          .is_at_least = object.at("at_least"),
          .note = object.at("note")};
}

std::string to_line(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string to_text(const DeviceCheck& check) {
  return fmt::format("{} {:<8} {:<24} {:<10.3g} {} {:<8.3g} {}{}{}", check.ok() ? "ok  " : "FAIL",
                     check.device, check.name, check.number, check.is_at_least ? "at least" : "at most",
                     check.limit, check.unit, check.note.empty() ? "" : " (" + check.note + ")",
                     check.error.empty() ? "" : ": " + check.error);
}

/// One part of the check: how long it may take, and what it runs.
struct Part {
  const char* name;
  double seconds;
  void (*run)(const Worker& worker, const GpuCheckOptions& options, const Control& control,
              const TellCheck& tell);
};

ModelSize size_for(const Worker& worker, const GpuCheckOptions& options) {
  return options.size.value_or(worker.kind == DeviceKind::kCuda ? ModelSize::kFull : ModelSize::kTiny);
}

using Given = const GpuCheckOptions&;
constexpr Part kParts[] = {
    {"kernels", 120,
     [](const Worker& worker, Given, const Control& control, const TellCheck& tell) {
       check_device(device_name(worker), control, tell, half_of(worker));
     }},
    {"golden", 120,
     [](const Worker& worker, Given options, const Control& control, const TellCheck& tell) {
       check_golden(worker, options.golden, control, tell);
     }},
    {"tiny", 120,
     [](const Worker& worker, Given options, const Control& control, const TellCheck& tell) {
       check_tiny_pipeline(worker, options.scratch / "tiny", control, tell);
     }},
    {"step", 90,
     [](const Worker& worker, Given options, const Control& control, const TellCheck& tell) {
       check_guidance_step(worker, size_for(worker, options), control, tell);
     }},
    {"memory", 300,
     [](const Worker& worker, Given options, const Control& control, const TellCheck& tell) {
       check_memory(worker, {.size = size_for(worker, options), .folder = options.scratch / "memory"},
                    control, tell);
     }},
    {"loss", 60, [](const Worker& worker, Given, const Control& control, const TellCheck& tell) {
       if (worker.kind == DeviceKind::kCuda) check_loss(worker, control, tell);
     }}};
constexpr double kSecondsOfDevice = 540;

const Part& part_of(const std::string& name) {
  const auto found = std::ranges::find_if(kParts, [&](const Part& part) { return name == part.name; });
  if (found == std::end(kParts)) throw unknown_value("part", name, gpu_check_parts());
  return *found;
}

/// A worker for each device, with the memory of all the workers on it.
std::vector<Worker> devices_of(const std::vector<Worker>& workers) {
  std::map<std::string, Worker> devices;
  for (const Worker& worker : workers) {
    const auto [at, is_new] = devices.emplace(device_name(worker), worker);
    at->second.name = at->first;
    if (!is_new) at->second.budget_bytes += worker.budget_bytes;
  }
  std::vector<Worker> all;
  for (auto& [name, worker] : devices) all.push_back(std::move(worker));
  return all;
}

/// A folder that is removed in the end, whatever the processes that wrote into it came to.
class Scratch {
 public:
  explicit Scratch(fs::path folder) : folder_(std::move(folder)) {}
  ~Scratch() { clear(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void clear() const {
    std::error_code error;
    fs::remove_all(folder_, error);
  }

 private:
  fs::path folder_;
};

/// Runs one part in a process of its own. What that comes to, if it is not its checks, is a check that
/// failed.
void run_apart(const Part& part, const Worker& worker, const GpuCheckOptions& options, double seconds,
               const CancelToken& cancel, const TellCheck& tell) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  std::vector<std::string> words = own_program();
  const bool has_budget = options.devices.find('@') != std::string::npos;
  const std::string device =
      has_budget ? fmt::format("{}@{}MiB", worker.name, worker.budget_bytes / kMiB) : worker.name;
  const char* size = size_for(worker, options) == ModelSize::kFull ? "full" : "tiny";
  for (const std::string& word :
       {std::string("gpu-check"), std::string("--devices"), device, std::string("--parts"),
        std::string(part.name), std::string("--size"), std::string(size), std::string("--golden"),
        options.golden.string(), std::string("--scratch"), options.scratch.string(),
        std::string("--part-of-another")}) {
    words.push_back(word);
  }
  const auto fail = [&](const std::string& error) {
    tell({.device = worker.name,
          .name = part.name,
          .number = kNothingToCompare,
          .limit = seconds,
          .unit = "s",
          .error = error});
  };
  int told = 0;
  const EndedProcess ended = run_process(words, seconds, cancel, [&](const std::string& line) {
    try {
      tell(from_json(parse_json(line)));
      ++told;
    } catch (const std::exception&) {  // a library wrote to standard output
    }
  });
  if (ended.ran_too_long) {
    fail(fmt::format("It did not end within {:.0f} s.", seconds));
  } else if (ended.status > 1 || told == 0) {
    fail(fmt::format("Its process ended with status {}.", ended.status));
  }
}

/// How the driver says that the two are joined: `, NVLink, 80.0 expected`; empty where it does not say.
std::string expected(const Machine& machine, const LinkSpeed& link) {
  for (const GpuInfo& gpu : machine.gpus) {
    if (gpu.index != link.from) continue;
    for (const GpuLink& known : gpu.links) {
      const auto other = std::ranges::find(machine.gpus, known.bus_id, &GpuInfo::bus_id);
      if (other == machine.gpus.end() || other->index != link.to) continue;
      return fmt::format(" over {}, {:.1f} expected", link_name(known.kind), known.bytes_per_second / 1e9);
    }
  }
  return {};
}

}  // namespace

const std::vector<std::string>& gpu_check_parts() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Part& part : kParts) all.emplace_back(part.name);
    return all;
  }();
  return names;
}

GpuCheckReport check_gpus(const GpuCheckOptions& given, const CancelToken& cancel,
                          const std::function<void(const std::string&)>& tell) {
  for (const std::string& name : given.parts) part_of(name);
  GpuCheckOptions options = given;
  if (options.golden.empty()) options.golden = folder_beside("golden");
  if (options.scratch.empty()) {
    options.scratch = fs::temp_directory_path() / fmt::format("relievo-gpu-check-{}", ::getpid());
  }
  const Scratch scratch(options.scratch);
  EngineOptions engine;
  engine.devices = options.devices;
  const OpenedWorkers opened = open_workers(engine);
  const Machine machine = find_machine();
  GpuCheckReport report;
  const auto add = [&](const std::string& line) {
    report.text += line + "\n";
    if (tell && !options.is_part_of_another) tell(line);
  };
  const LibraryVersions libraries = library_versions();
  add(fmt::format("relievo {}, driver {}, CUDA {}, LibTorch {}, cuDNN {}", version(),
                  machine.driver.empty() ? "none" : machine.driver, libraries.cuda, libraries.torch,
                  libraries.cudnn));
  json gpus = json::array();
  for (const GpuInfo& gpu : machine.gpus) {
    const std::string compute = fmt::format("{}.{}", gpu.compute_major, gpu.compute_minor);
    add(fmt::format("cuda:{} {}, compute {}, {} of {} free", gpu.index, gpu.name, compute,
                    format_bytes(gpu.free_bytes), format_bytes(gpu.total_bytes)));
    gpus.push_back({{"device", fmt::format("cuda:{}", gpu.index)},
                    {"name", gpu.name},
                    {"compute_capability", compute},
                    {"total_bytes", gpu.total_bytes},
                    {"free_bytes", gpu.free_bytes}});
  }
  for (const std::string& sentence : opened.left_out) add(sentence);
  if (!opened.allocator.empty()) add("allocator of GPUs: " + opened.allocator);
  json checks = json::array(), links = json::array();
  const auto write_report = [&] {
    report.json = to_line({{"version", version()},
                           {"driver", machine.driver},
                           {"cuda", libraries.cuda},
                           {"libtorch", libraries.torch},
                           {"cudnn", libraries.cudnn},
                           {"gpus", gpus},
                           {"left_out", opened.left_out},
                           {"allocator", opened.allocator},
                           {"links", links},
                           {"checks", checks},
                           {"failed", report.failed}});
    if (options.report.empty()) return;
    write_atomically(options.report, std::as_bytes(std::span(report.json)));
  };
  const TellCheck note = [&](const DeviceCheck& check) {
    if (!check.ok()) ++report.failed;
    add(to_text(check));
    checks.push_back(to_json(check));
    write_report();
    if (tell && options.is_part_of_another) tell(to_line(checks.back()));
  };
  for (const Worker& worker : devices_of(opened.workers)) {
    const bool is_apart =
        worker.kind == DeviceKind::kCuda && !options.is_part_of_another && !own_program().empty();
    std::vector<std::string> parts = options.parts;
    if (parts.empty()) parts = is_apart ? gpu_check_parts() : std::vector<std::string>{"kernels", "golden"};
    const auto begin = Clock::now();
    for (const std::string& name : parts) {
      const Part& part = part_of(name);
      const double seconds = std::min(part.seconds, kSecondsOfDevice - seconds_since(begin));
      if (is_apart) {
        run_apart(part, worker, options, std::max(1.0, seconds), cancel, note);
      } else {
        part.run(worker, options, {{}, cancel}, note);
      }
      scratch.clear();
    }
  }
  for (const LinkSpeed& link :
       options.is_part_of_another ? std::vector<LinkSpeed>{} : measure_links(opened.workers)) {
    json told = {{"from", fmt::format("cuda:{}", link.from)}, {"to", fmt::format("cuda:{}", link.to)}};
    if (!link.error.empty()) {
      add(fmt::format("cuda:{} to cuda:{}: not measured ({})", link.from, link.to, link.error));
      told["error"] = link.error;
      links.push_back(std::move(told));
      continue;
    }
    const double rate = static_cast<double>(link.bytes) / link.seconds;
    add(fmt::format("cuda:{} to cuda:{}: {:.1f} GB/s{}", link.from, link.to, rate / 1e9,
                    expected(machine, link)));
    told["bytes_per_second"] = rate;
    links.push_back(std::move(told));
  }
  add(fmt::format("{} checks, {} failed", checks.size(), report.failed));
  write_report();
  return report;
}

}  // namespace relievo

#include "app/plan_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/standard_output.h"
#include "runtime/machine/links.h"
#include "runtime/plan/describe.h"

namespace relievo {
namespace {

using nlohmann::json;

// So many devices are told of one by one, and with the links between them.
constexpr size_t kFew = 16;

json group_json(const DeviceGroup& group, const std::vector<Worker>& workers,
                const std::vector<StageProfile>& stages) {
  json placements = json::array();
  for (const StagePlacement& placement : group.stages) {
    json names = json::array();
    for (const int worker : placement.workers) names.push_back(workers[size_t(worker)].name);
    placements.push_back({{"stage", stages[size_t(placement.stage)].name},
                          {"devices", names},
                          {"mode", mode_name(placement.mode)},
                          {"precision", placement.mode.precision},
                          {"resident", placement.resident},
                          {"ahead", placement.ahead},
                          {"on_side", placement.on_side},
                          {"blocks", placement.blocks}});
    if (placement.workers.size() > 1 && placement.blocks.empty()) {
      placements.back()["shared_by"] = part_name(placement.part_kind);
      placements.back()["parts"] = placement.parts;
    }
  }
  return {{"kind", group_kind_name(group.kind)}, {"batch", group.batch},
          {"side_threads", group.side_threads},  {"latency_s", group.latency_s},
          {"interval_s", group.interval_s},      {"stages", placements}};
}

/// Calls with every two workers between which values are copied.
template <typename Body>
void for_each_pair(const std::vector<Worker>& workers, const Body& body) {
  for (const Worker& from : workers) {
    for (const Worker& to : workers) {
      if (&from != &to && !share_memory(from, to)) body(from, to);
    }
  }
}

/// Prints GB a second from each device, in rows, to each, in columns.
void print_links(const std::vector<Worker>& workers) {
  constexpr size_t kMost = 10;  // as many as have room in a line
  size_t pairs = 0;
  for_each_pair(workers, [&](const Worker&, const Worker&) { ++pairs; });
  if (pairs == 0 || workers.size() > kMost) return;
  print_output("{:<12}", "GB/s to");
  for (const Worker& to : workers) print_output(" {:>9}", to.name);
  print_output("\n");
  for (const Worker& from : workers) {
    print_output("{:<12}", from.name);
    for (const Worker& to : workers) {
      if (share_memory(from, to)) {
        print_output(" {:>9}", "-");
      } else {
        print_output(" {:>9.1f}", bytes_between(from, to) / 1e9);
      }
    }
    print_output("\n");
  }
}

/// Devices that are told of in one line: of many, all that are alike.
struct Row {
  std::vector<int> workers;
  double busy = 0;  // the mean
  int64_t peak_bytes = 0;
  int pictures = 0;
};

std::vector<Row> rows_of(const PlannedRun& report) {
  std::vector<Row> rows;
  for (size_t i = 0; i < report.workers.size(); ++i) {
    const Worker& worker = report.workers[i];
    const auto is_like = [&](const Row& row) {
      const Worker& other = report.workers[size_t(row.workers.front())];
      return report.workers.size() > kFew && other.budget_bytes == worker.budget_bytes &&
             other.speed == worker.speed && other.host_bytes_per_second == worker.host_bytes_per_second;
    };
    auto row = std::ranges::find_if(rows, is_like);
    if (row == rows.end()) row = rows.insert(rows.end(), Row());
    row->workers.push_back(int(i));
    row->busy += (report.simulated.utilisation[i] - row->busy) / double(row->workers.size());
    row->peak_bytes = std::max(row->peak_bytes, report.simulated.peak_bytes[i]);
    row->pictures += report.simulated.pictures[i];
  }
  return rows;
}

std::string name_of(const Row& row, const std::vector<Worker>& workers) {
  const std::string& first = workers[size_t(row.workers.front())].name;
  if (row.workers.size() == 1) return first;
  const size_t begin = workers.back().node == 0 ? 0 : first.find(':') + 1;
  return fmt::format("{} of {}", row.workers.size(), first.substr(begin, first.rfind('#') - begin));
}

void print_devices(const PlannedRun& report) {
  print_output("{:<12} {:>12} {:>12} {:>6} {:>9} {:>12}\n", "device", "budget", "peak", "busy", "pictures",
               "host link");
  for (const Row& row : rows_of(report)) {
    const Worker& worker = report.workers[size_t(row.workers.front())];
    print_output("{:<12} {:>12} {:>12} {:>5.1f}% {:>9} {:>7.1f} GB/s\n", name_of(row, report.workers),
                 format_bytes(worker.budget_bytes), format_bytes(row.peak_bytes), 100 * row.busy,
                 row.pictures, worker.host_bytes_per_second / 1e9);
  }
}

/// Idle devices for the same reason are told of together.
void print_idle(const PlannedRun& report) {
  const std::vector<IdleWorker>& idle = report.plan.idle;
  for (size_t first = 0, next = 0; first < idle.size(); first = next) {
    std::vector<int> alike;
    for (; next < idle.size() && idle[next].why == idle[first].why; ++next)
      alike.push_back(idle[next].worker);
    print_output("- {} {} left idle: {}.\n", names_of(alike, report.workers),
                 alike.size() == 1 ? "is" : "are", idle[first].why);
  }
}

bool are_measured(const std::vector<StageProfile>& stages) {
  return std::ranges::all_of(stages, &StageProfile::measured);
}

}  // namespace

std::vector<std::string> assumptions_of(const PlannedRun& report) {
  const Worker& first = report.workers.front();
  if (first.kind != DeviceKind::kImaginary) return {};
  std::vector<std::string> all;
  all.push_back(fmt::format(
      "A device of speed 1 does {:.0f} TFLOP/s in half precision, as an A100 of 80 GiB does in networks like "
      "these, and has {} threads of a processor beside it.",
      kGpuSpeed * kHalfGain * kThreadOperations / 1e12, kImaginaryThreads));
  all.push_back(fmt::format(
      "{:.3g} GB a second pass between host memory and a device, at all devices at once; between devices the "
      "same, but where --link says otherwise.",
      first.host_bytes_per_second / 1e9));
  int64_t weights = 0;
  double reading = 0;
  for (const StageProfile& stage : report.stages) {
    weights += stage.on(first).modes.front().weight_bytes;
    reading += stage.on(first).modes.front().first_load();
  }
  all.push_back(
      fmt::format("The models are on every machine and in its devices already: reading {} of weights for the "
                  "first time takes some {} more.",
                  format_bytes(weights), format_seconds(reading)));
  if (report.workers.back().node > 0 && report.simulated.seconds > 0) {
    constexpr double kPictureBytes = 4e6;  // a photograph, and an object with its texture
    const double rate = kPictureBytes * report.simulated.done / report.simulated.seconds;
    all.push_back(fmt::format(
        "{} machines take pictures from one queue and write to one folder, over a network that is never what "
        "they wait for: at {:.0f} MB a picture, that is {:.3g} MB a second in all.",
        report.workers.back().node + 1, kPictureBytes / 1e6, rate / 1e6));
  }
  all.emplace_back("Nobody else uses the devices, and none fails but those of --lose.");
  return all;
}

std::string plan_json(const PlannedRun& report) {
  const std::vector<Worker>& workers = report.workers;
  json devices = json::array(), groups = json::array(), links = json::array(), idle = json::array();
  if (workers.size() <= kFew) {
    for_each_pair(workers, [&](const Worker& from, const Worker& to) {
      links.push_back({{"from", from.name}, {"to", to.name}, {"bytes_per_second", bytes_between(from, to)}});
    });
  }
  for (size_t i = 0; i < workers.size(); ++i) {
    devices.push_back({{"device", workers[i].name},
                       {"budget_bytes", workers[i].budget_bytes},
                       {"host_bytes_per_second", workers[i].host_bytes_per_second},
                       {"utilisation", report.simulated.utilisation[i]},
                       {"peak_bytes", report.simulated.peak_bytes[i]},
                       {"pictures", report.simulated.pictures[i]}});
  }
  for (const IdleWorker& each : report.plan.idle) {
    idle.push_back({{"device", each.name}, {"reason", idle_reason_name(each.reason)}, {"why", each.why}});
  }
  for (const DeviceGroup& group : report.plan.groups)
    groups.push_back(group_json(group, workers, report.stages));
  return json{{"pictures", report.pictures},
              {"done", report.simulated.done},
              {"redone", report.simulated.redone},
              {"planned_s", report.plan.seconds},
              {"seconds", report.simulated.seconds},
              {"lossy", report.plan.lossy()},
              {"costs", are_measured(report.stages) ? "measured" : "estimated"},
              {"model", report.model},
              {"devices", devices},
              {"links", links},
              {"groups", groups},
              {"reasons", report.plan.reasons},
              {"idle", idle},
              {"speed_up", {{"expected", report.plan.speed_up()}, {"limit", report.plan.limit}}},
              {"refused", report.alternatives},
              {"assumptions", assumptions_of(report)}}
      .dump();
}

void print_plan(const PlannedRun& report) {
  const SimulatedRun& simulated = report.simulated;
  const double an_hour = simulated.seconds > 0 ? 3600 * simulated.done / simulated.seconds : 0;
  const std::string rate =
      an_hour < 60 ? fmt::format("{:.3g} an hour", an_hour) : fmt::format("{:.3g} a minute", an_hour / 60);
  print_output("{} picture{} in {} ({}) with {}; costs are {}\n", simulated.done,
               simulated.done == 1 ? "" : "s", format_seconds(simulated.seconds), rate, report.model,
               are_measured(report.stages) ? "measured" : "estimated");
  if (simulated.done < report.pictures) {
    print_output("{} pictures are left undone: what is left of the machine cannot make them.\n",
                 report.pictures - simulated.done);
  }
  print_devices(report);
  print_links(report.workers);
  for (const std::string& reason : report.plan.reasons) print_output("+ {}\n", reason);
  print_idle(report);
  for (const std::string& reason : report.alternatives) print_output("- {}\n", reason);
  for (const std::string& assumed : assumptions_of(report)) print_output("~ {}\n", assumed);
}

}  // namespace relievo

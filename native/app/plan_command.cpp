#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/generate.h"
#include "app/numeric_option.h"
#include "base/refusals.h"
#include "base/standard_output.h"
#include "engine/costs.h"
#include "engine/open_workers.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/simulate.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  std::string devices;
  PlanOptions plan;
  std::string strategy = "auto", policy = "fastest";
  bool no_lossy = false;
  bool own_views = false;
  Settings settings;
  std::vector<std::string> stragglers, losses, links;
  double bandwidth = 0;  // GB between host and workers; 0 leaves what is known of each
  bool json = false;
};

/// Parses `cuda:0=2.5` into worker index and number.
std::pair<int, double> named_number(const std::string& text, const std::vector<Worker>& workers,
                                    const char* option) {
  const size_t equals = text.rfind('=');
  const auto value =
      equals == std::string::npos ? std::nullopt : read_number<double>(text.substr(equals + 1));
  if (value && *value > 0) {
    for (size_t i = 0; i < workers.size(); ++i) {
      if (workers[i].name == text.substr(0, equals)) return {int(i), *value};
    }
  }
  throw invalid_value(option, text,
                      fmt::format("Use DEVICE=NUMBER, for example {}=2.", workers.front().name));
}

std::vector<Worker> workers_of(const std::string& text) {
  const bool is_imaginary =
      !text.empty() && text.find('x') != std::string::npos && text.front() >= '0' && text.front() <= '9';
  if (is_imaginary) return parse_imaginary_workers(text);
  const Machine machine = find_machine();
  const WorkerSources sources = machine.sources();
  return text.empty() ? default_workers(sources) : named_workers(text, sources, machine);
}

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

int run(const Options& options) {
  std::vector<Worker> workers = workers_of(options.devices);
  if (options.bandwidth > 0) {
    for (Worker& worker : workers) worker.host_bytes_per_second = 1e9 * options.bandwidth;
  }
  Settings settings = options.settings;
  if (options.own_views) settings.views = {{.picture = "of the person's own"}};
  validate(settings);
  const MeasuredCosts measured = CostStore().measured();
  const std::vector<StageProfile> stages = stage_profiles(settings, workers, measured);
  set_measured_speeds(workers, settings, measured);
  set_links(workers, options.links);
  PlanOptions asked = options.plan;
  asked.allow_lossy = !options.no_lossy;
  asked.strategy = strategy_of(options.strategy);
  asked.policy = policy_of(options.policy);
  const Plan made = find_plan(workers, stages, asked);
  const std::vector<std::string> alternatives = describe_alternatives(made, workers, stages, asked);
  Scenario scenario;
  for (const std::string& text : options.stragglers) {
    const auto [worker, value] = named_number(text, workers, "--slow");
    scenario.stragglers.push_back({worker, value});
  }
  for (const std::string& text : options.losses) {
    const auto [worker, value] = named_number(text, workers, "--lose");
    scenario.losses.push_back({worker, value});
  }
  const SimulatedRun simulated = simulate(made, workers, stages, asked.pictures, scenario, asked);

  const bool is_measured = std::ranges::all_of(stages, &StageProfile::measured);
  const char* const costs = is_measured ? "measured" : "estimated";
  if (options.json) {
    json devices = json::array(), groups = json::array(), links = json::array();
    for_each_pair(workers, [&](const Worker& from, const Worker& to) {
      links.push_back({{"from", from.name}, {"to", to.name}, {"bytes_per_second", bytes_between(from, to)}});
    });
    for (size_t i = 0; i < workers.size(); ++i) {
      devices.push_back({{"device", workers[i].name},
                         {"budget_bytes", workers[i].budget_bytes},
                         {"host_bytes_per_second", workers[i].host_bytes_per_second},
                         {"utilisation", simulated.utilisation[i]},
                         {"peak_bytes", simulated.peak_bytes[i]},
                         {"pictures", simulated.pictures[i]}});
    }
    json idle = json::array();
    for (const IdleWorker& each : made.idle) {
      idle.push_back({{"device", each.name}, {"reason", idle_reason_name(each.reason)}, {"why", each.why}});
    }
    for (const DeviceGroup& group : made.groups) groups.push_back(group_json(group, workers, stages));
    print_output("{}\n", json{{"pictures", asked.pictures},
                              {"done", simulated.done},
                              {"redone", simulated.redone},
                              {"planned_s", made.seconds},
                              {"seconds", simulated.seconds},
                              {"lossy", made.lossy()},
                              {"costs", costs},
                              {"model", settings.model},
                              {"devices", devices},
                              {"links", links},
                              {"groups", groups},
                              {"reasons", made.reasons},
                              {"idle", idle},
                              {"speed_up", {{"expected", made.speed_up()}, {"limit", made.limit}}},
                              {"refused", alternatives}}
                             .dump());
    return 0;
  }
  const double an_hour = simulated.seconds > 0 ? 3600 * simulated.done / simulated.seconds : 0;
  const std::string rate =
      an_hour < 60 ? fmt::format("{:.3g} an hour", an_hour) : fmt::format("{:.3g} a minute", an_hour / 60);
  print_output("{} picture{} in {} ({}) with {}; costs are {}\n", simulated.done,
               simulated.done == 1 ? "" : "s", format_seconds(simulated.seconds), rate, settings.model,
               costs);
  if (simulated.done < asked.pictures) {
    print_output("{} pictures are left undone: what is left of the machine cannot make them.\n",
                 asked.pictures - simulated.done);
  }
  print_output("{:<12} {:>12} {:>12} {:>6} {:>9} {:>12}\n", "device", "budget", "peak", "busy", "pictures",
               "host link");
  for (size_t i = 0; i < workers.size(); ++i) {
    print_output("{:<12} {:>12} {:>12} {:>5.1f}% {:>9} {:>7.1f} GB/s\n", workers[i].name,
                 format_bytes(workers[i].budget_bytes), format_bytes(simulated.peak_bytes[i]),
                 100 * simulated.utilisation[i], simulated.pictures[i],
                 workers[i].host_bytes_per_second / 1e9);
  }
  print_links(workers);
  for (const std::string& reason : made.reasons) print_output("+ {}\n", reason);
  for (const IdleWorker& each : made.idle) print_output("- {}\n", each.sentence());
  for (const std::string& reason : alternatives) print_output("- {}\n", reason);
  return 0;
}

}  // namespace

Command add_plan(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option(
      "--devices", options->devices,
      "Devices of this machine (cuda:0,cpu*2@3GiB) or one that is not there (8x80GiB,2x24GiB@0.5)");
  add_number(parser, "--images", options->plan.pictures, kPlannedPicturesRange, "Pictures");
  add_plan_options(parser, options->strategy, options->policy);
  parser.add_flag("--no-lossy", options->no_lossy, "Never change the result to save memory");
  Settings& settings = options->settings;
  settings.model = "instant-mesh-large";
  parser
      .add_option("--model", settings.model, "preview, or a reconstruction model; it need not be installed")
      ->capture_default_str();
  parser.add_flag("--views", options->own_views, "Views of your own take the diffusion's place");
  add_number(parser, "--view-count", settings.view_count, kViewCountRange,
             "Views that the reconstruction sees: 6 or 4");
  add_number(parser, "--steps", settings.steps, kStepsRange, "Diffusion steps");
  add_number(parser, "--guidance", settings.guidance, kGuidanceRange, "1 halves the diffusion's work");
  add_number(parser, "--input-size", settings.input_size, kInputSizeRange, "Pixels a side of each view");
  parser.add_option("--precision", settings.precision, "auto, fp32, bf16 or fp16; or by stage")
      ->capture_default_str();
  add_number(parser, "--grid", settings.grid, kGridRange, "Cubes a side of the box");
  add_number(parser, "--texture-size", settings.texture_size, kTextureSizeRange,
             "Texels a side of the texture");
  add_number(parser, "--bandwidth", options->bandwidth, {0, 1e6},
             "GB a second between host and devices; 0: as measured, else 12");
  parser.add_option(
      "--link", options->links,
      "DEVICE+DEVICE=GB: GB a second between two devices, or all=GB; for devices that are not there");
  parser.add_option("--slow", options->stragglers, "DEVICE=FACTOR: simulate a device that is slower");
  parser.add_option("--lose", options->losses, "DEVICE=SECONDS: simulate a device that is lost then");
  parser.add_flag("--json", options->json, "Print one JSON object");
  return [options] { return run(*options); };
}

}  // namespace relievo

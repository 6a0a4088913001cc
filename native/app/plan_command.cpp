#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "app/commands.h"
#include "app/generate.h"
#include "app/numeric_option.h"
#include "app/plan_report.h"
#include "base/refusals.h"
#include "base/standard_output.h"
#include "engine/costs.h"
#include "engine/open_workers.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/simulate.h"

namespace relievo {
namespace {

struct Options {
  std::string devices;
  PlanOptions plan;
  std::string strategy = "auto", policy = "fastest";
  bool no_lossy = false;
  bool own_views = false;
  Settings settings;
  std::vector<std::string> stragglers, losses, links;
  int nodes = 1;
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

std::vector<Worker> workers_of(const std::string& text, int nodes) {
  const bool is_imaginary =
      !text.empty() && text.find('x') != std::string::npos && text.front() >= '0' && text.front() <= '9';
  if (is_imaginary) return parse_imaginary_workers(text, nodes);
  if (nodes > 1) {
    throw invalid_value("--nodes", std::to_string(nodes),
                        "Name devices that are not there, for example --devices 8x80GiB.");
  }
  const Machine machine = find_machine();
  const WorkerSources sources = machine.sources();
  return text.empty() ? default_workers(sources) : named_workers(text, sources, machine);
}

int run(const Options& options) {
  std::vector<Worker> workers = workers_of(options.devices, options.nodes);
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

  const PlannedRun report{workers, stages, made, simulated, asked.pictures, settings.model, alternatives};
  if (options.json) {
    print_output("{}\n", plan_json(report));
  } else {
    print_plan(report);
  }
  return 0;
}

}  // namespace

Command add_plan(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option(
      "--devices", options->devices,
      "Devices of this machine (cuda:0,cpu*2@3GiB) or one that is not there (8x80GiB,2x24GiB@0.5)");
  add_number(parser, "--nodes", options->nodes, {1, kMaxWorkers},
             "Machines of a cluster that each have these devices, which are not there");
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

#include <map>
#include <memory>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/generate.h"
#include "app/progress_line.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "engine/costs.h"
#include "engine/model_list.h"
#include "engine/open_workers.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  std::string devices;
  std::string model;
  bool quick = false;
  bool json = false;
};

/// Returns the first model that is installed with all it needs, or else preview.
std::string model_that_is_here() {
  std::vector<std::string> found;
  bool has_views = false;
  for (const ModelInfo& model : list_models()) {
    if (!model.installed || model.embedded) continue;
    const std::set<std::string> stages(model.stages.begin(), model.stages.end());
    has_views = has_views || stages.contains("multiview");
    if (stages.contains("reconstruct")) found.push_back(model.name);
  }
  for (const std::string& model : found) {
    if (has_views || !sees_views(model)) return model;
  }
  return kPreviewModel;
}

/// The sizes that are measured, small enough to be measured soon. There are three where no network's time
/// grows with them: the time for charts of a surface depends on more than its size, so a third size is worth
/// it.
std::vector<Settings> sizes_of(const std::string& model, const Worker& worker, bool quick) {
  Settings small, large;
  small.model = large.model = model;
  const bool is_gpu = worker.kind == DeviceKind::kCuda;
  small.grid = quick ? 32 : 64;
  large.grid = quick ? 64 : 128;
  small.texture_size = quick ? 256 : 512;
  large.texture_size = quick ? 512 : 1024;
  small.steps = 1;
  large.steps = is_gpu ? 4 : 1;
  small.input_size = is_gpu ? 192 : 128;
  large.input_size = is_gpu ? 320 : quick ? 192 : 256;
  if (quick || sees_views(model)) return {small, large};
  Settings middle = small;
  middle.grid = (small.grid + large.grid) / 2;
  middle.texture_size = (small.texture_size + large.texture_size) / 2;
  return {small, middle, large};
}

std::string size_of(const CostSample& sample) {
  const Settings settings = settings_from_json(sample.size);
  std::string text = fmt::format("grid {}, texture {}", settings.grid, settings.texture_size);
  if (sees_views(settings.model))
    text += fmt::format(", input {}, steps {}", settings.input_size, settings.steps);
  return text;
}

std::vector<CostSample> measure(const std::vector<Worker>& workers, const std::string& model,
                                const Options& options) {
  const Worker& worker = workers.front();
  ProgressLine line(!options.json);
  JobStatus status;
  status.state = JobState::kRunning;
  const auto draw = [&] { line.draw(worker.name, status); };
  const std::vector<Settings> sizes = sizes_of(model, worker, options.quick);
  std::vector<CostSample> samples;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const double share = 1.0 / static_cast<double>(sizes.size());
    ProfileRequest request;
    request.settings = sizes[i];
    if (options.quick) request.batches = {1};
    request.all_modes = !options.quick;
    request.control = {Progress([&, i](double fraction) {
                         status.fraction = share * (static_cast<double>(i) + fraction);
                         draw();
                       }),
                       interruption()};
    request.on_call = [&](const std::string& stage, const StageMode& mode, int batch) {
      status.stage = fmt::format("{} ({}, {}, {} at a time)", stage, mode_name(mode.execution),
                                 mode.execution.precision, batch);
      draw();
    };
    for (CostSample& sample : profile_stages(workers, request)) samples.push_back(std::move(sample));
  }
  return samples;
}

json to_json(const Worker& worker, const std::string& model, const std::vector<CostSample>& samples,
             const CostStore& store) {
  json rows = json::array();
  for (const CostSample& sample : samples) {
    const Settings settings = settings_from_json(sample.size);
    rows.push_back({{"stage", sample.stage},
                    {"mode", mode_name(sample.mode)},
                    {"precision", sample.mode.precision},
                    {"batch", sample.batch},
                    {"grid", settings.grid},
                    {"texture_size", settings.texture_size},
                    {"input_size", settings.input_size},
                    {"steps", settings.steps},
                    {"weight_bytes", sample.weight_bytes},
                    {"workspace_bytes", sample.workspace_bytes},
                    {"seconds", sample.seconds}});
  }
  return {{"device", worker.name}, {"product", worker.product}, {"threads", worker.threads},
          {"model", model},        {"samples", rows},           {"kept_in", store.costs_path().string()}};
}

void print(const Worker& worker, const std::string& model, const std::vector<CostSample>& samples,
           const CostStore& store) {
  print_output("{}: {}, {} threads, model {}\n", worker.name, worker.product, worker.threads, model);
  print_output("{:<12} {:<34} {:<14} {:<6} {:>5} {:>11} {:>11} {:>9}\n", "stage", "size", "mode", "prec.",
               "batch", "weights", "workspace", "seconds");
  for (const CostSample& sample : samples) {
    print_output("{:<12} {:<34} {:<14} {:<6} {:>5} {:>11} {:>11} {:>9.3f}\n", sample.stage, size_of(sample),
                 mode_name(sample.mode), sample.mode.precision, sample.batch,
                 format_bytes(sample.weight_bytes), format_bytes(sample.workspace_bytes), sample.seconds);
  }
  print_output("kept in {}\n", store.costs_path().string());
}

int run(const Options& options) {
  EngineOptions machine;
  machine.devices = options.devices;
  const std::vector<Worker> workers = open_workers(machine).workers;
  std::string model = options.model;
  if (model.empty()) {
    model = model_that_is_here();
    if (model == kPreviewModel) {
      print_message(
          "relievo: No reconstruction model is installed with all that it needs: only 'preview' is "
          "profiled.\n"
          "  Fetch one with `relievo models fetch NAME`.\n");
    }
  }
  const CostStore store;
  std::map<std::tuple<DeviceKind, std::string, int>, std::vector<Worker>> kinds;
  for (const Worker& worker : workers) kinds[{worker.kind, worker.product, worker.threads}].push_back(worker);
  size_t measured = 0;
  for (const auto& [kind, alike] : kinds) {
    const Worker& worker = alike.front();
    std::vector<CostSample> samples;
    try {
      samples = measure(alike, model, options);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) {
        print_message("relievo: Interrupted: {} of {} kinds of device measured, {} left.\n", measured,
                      kinds.size(), kinds.size() - measured);
      }
      throw;
    }
    ++measured;
    store.add(worker.product, samples);
    if (options.json) {
      print_line(to_json(worker, model, samples, store).dump());
    } else {
      print(worker, model, samples, store);
    }
  }
  return 0;
}

}  // namespace

Command add_profile(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("--devices", options->devices,
                    "Devices or shares of them, those of a kind at the same time (cuda:0, cpu*2@3GiB); "
                    "default: every GPU, else the CPU");
  parser.add_option(
      "--model", options->model,
      "Model whose stages are measured; default: the first that is installed with all it needs, else "
      "preview");
  parser.add_flag("--quick", options->quick,
                  "Smaller sizes, one picture at a time, only the first mode of each stage");
  parser.add_flag("--json", options->json, "Print one JSON object a kind of device");
  return [options] { return run(*options); };
}

}  // namespace relievo

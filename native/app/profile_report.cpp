#include "app/profile_report.h"

#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/costs.h"
#include "engine/model_list.h"
#include "engine/open_workers.h"
#include "runtime/execute/learn.h"
#include "runtime/torch/link_speed.h"

namespace relievo {
namespace {

using nlohmann::json;

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
                                const ProfileQuestion& question, const ProfileListener& listener) {
  const Worker& worker = workers.front();
  const std::vector<Settings> sizes = sizes_of(model, worker, question.quick);
  std::vector<CostSample> samples;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const double share = 1.0 / static_cast<double>(sizes.size());
    double fraction = share * static_cast<double>(i);
    std::string what;
    const auto tell = [&] {
      if (listener.on_step) listener.on_step(worker.name, what, fraction);
    };
    ProfileRequest request;
    request.settings = sizes[i];
    if (question.quick) request.batches = {1};
    request.all_modes = !question.quick;
    request.control = {Progress([&](double done) {
                         fraction = share * (static_cast<double>(i) + done);
                         tell();
                       }),
                       question.cancel};
    request.on_call = [&](const std::string& stage, const StageMode& mode, int batch) {
      what = fmt::format("{} ({}, {}, {} at a time)", stage, mode_name(mode.execution),
                         mode.execution.precision, batch);
      tell();
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

std::string to_text(const Worker& worker, const std::string& model, const std::vector<CostSample>& samples,
                    const CostStore& store) {
  std::string text =
      fmt::format("{}: {}, {} threads, model {}\n", worker.name, worker.product, worker.threads, model);
  text += fmt::format("{:<12} {:<34} {:<14} {:<6} {:>5} {:>11} {:>11} {:>9}\n", "stage", "size", "mode",
                      "prec.", "batch", "weights", "workspace", "seconds");
  for (const CostSample& sample : samples) {
    text +=
        fmt::format("{:<12} {:<34} {:<14} {:<6} {:>5} {:>11} {:>11} {:>9.3f}\n", sample.stage,
                    size_of(sample), mode_name(sample.mode), sample.mode.precision, sample.batch,
                    format_bytes(sample.weight_bytes), format_bytes(sample.workspace_bytes), sample.seconds);
  }
  return text + fmt::format("kept in {}\n", store.costs_path().string());
}

/// Measures the links between GPUs and keeps them; says what they are.
std::string keep_links(const std::vector<Worker>& workers, const CostStore& store) {
  std::string text;
  for (const LinkSpeed& link : measure_links(workers)) {
    if (!link.error.empty()) {
      text += fmt::format("cuda:{} to cuda:{}: not measured ({})\n", link.from, link.to, link.error);
      continue;
    }
    const double rate = static_cast<double>(link.bytes) / link.seconds;
    text += fmt::format("cuda:{} to cuda:{}: {:.1f} GB/s\n", link.from, link.to, rate / 1e9);
    if (const Worker* worker = worker_on_gpu(workers, link.from)) {
      store.add(worker->product, {link_sample(*worker, link.to, link.bytes, link.seconds)});
    }
  }
  return text;
}

}  // namespace

std::string profiled_model(const std::string& wanted) {
  return wanted.empty() ? model_that_is_here() : wanted;
}

void profile_devices(const ProfileQuestion& question, const ProfileListener& listener) {
  EngineOptions machine;
  machine.devices = question.devices;
  const std::vector<Worker> workers = open_workers(machine).workers;
  const std::string model = profiled_model(question.model);
  const CostStore store;
  std::map<std::tuple<DeviceKind, std::string, int>, std::vector<Worker>> kinds;
  for (const Worker& worker : workers) kinds[{worker.kind, worker.product, worker.threads}].push_back(worker);
  size_t measured = 0;
  for (const auto& [kind, alike] : kinds) {
    const Worker& worker = alike.front();
    std::vector<CostSample> samples;
    try {
      samples = measure(alike, model, question, listener);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
      throw Error(ErrorCode::kCancelled,
                  fmt::format("Interrupted: {} of {} kinds of device measured, {} left.", measured,
                              kinds.size(), kinds.size() - measured));
    }
    ++measured;
    store.add(worker.product, samples);
    if (listener.on_kind) {
      listener.on_kind(to_text(worker, model, samples, store), to_json(worker, model, samples, store).dump());
    }
  }
  const std::string links = keep_links(workers, store);
  if (listener.on_links && !links.empty()) listener.on_links(links);
}

}  // namespace relievo

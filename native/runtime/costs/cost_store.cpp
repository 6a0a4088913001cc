#include "runtime/costs/cost_store.h"

#include <nlohmann/json.hpp>

#include "runtime/costs/cache_file.h"

namespace relievo {
namespace {

using nlohmann::json;

json to_json(const CostSample& sample) {
  return {{"stage", sample.stage},
          {"variant", sample.variant},
          {"size", sample.size},
          {"precision", sample.mode.precision},
          {"chunked", sample.mode.chunked},
          {"tiled", sample.mode.tiled},
          {"input_scale", sample.mode.input_scale},
          {"batch", sample.batch},
          {"threads", sample.threads},
          {"speed", sample.speed},
          {"weight_bytes", sample.weight_bytes},
          {"workspace_bytes", sample.workspace_bytes},
          {"output_bytes", sample.output_bytes},
          {"seconds", sample.seconds},
          {"load_seconds", sample.load_seconds}};
}

ExecutionMode mode_from_json(const json& value) {
  ExecutionMode mode;
  mode.precision = value.at("precision");
  if (const auto rung = value.find("rung"); rung != value.end()) {  // written by 0.1.0
    const std::string name = *rung;
    mode.chunked = name != "full";
    mode.tiled = mode.chunked && name != "chunks";
    mode.input_scale = name == "smaller_input" ? 0.8 : 1;
  } else {
    mode.chunked = value.at("chunked");
    mode.tiled = value.at("tiled");
    mode.input_scale = value.at("input_scale");
  }
  return mode;
}

CostSample from_json(const json& value) {
  CostSample sample;
  sample.stage = value.at("stage");
  sample.variant = value.at("variant");
  sample.size = value.at("size");
  sample.mode = mode_from_json(value);
  sample.batch = value.at("batch");
  sample.threads = value.at("threads");
  sample.speed = value.at("speed");
  sample.weight_bytes = value.at("weight_bytes");
  sample.workspace_bytes = value.at("workspace_bytes");
  sample.output_bytes = value.at("output_bytes");
  sample.seconds = value.at("seconds");
  sample.load_seconds = value.value("load_seconds", 0.0);
  return sample;
}

}  // namespace

CostStore::CostStore(std::string path) : path_(std::move(path)) {}

std::string CostStore::default_path() { return cache_path("costs.json"); }

std::vector<CostSample> CostStore::samples(const std::string& device) const {
  std::vector<CostSample> samples;
  try {
    const json all = read_cache(path_);
    if (const auto found = all.find(device); found != all.end()) {
      for (const json& value : *found) samples.push_back(from_json(value));
    }
  } catch (const json::exception&) {
    samples.clear();
  }
  return samples;
}

void CostStore::add(const std::string& device, const std::vector<CostSample>& added) const {
  std::vector<CostSample> kept = samples(device);
  for (const CostSample& sample : added) {
    std::erase_if(kept, [&](const CostSample& old) { return is_same_call(old, sample); });
    kept.push_back(sample);
  }
  json all = read_cache(path_);
  all[device] = json::array();
  for (const CostSample& sample : kept) all[device].push_back(to_json(sample));
  write_cache(path_, all);
}

}  // namespace relievo

#include <map>
#include <span>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "nn/tensors.h"
#include "reconstruct/compact_file.h"
#include "train/learn/learner.h"
#include "train/learn/run_state.h"
#include "train/learn/tensors_to_write.h"
#include "train/learn/trainer.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The averaged weights of a checkpoint, by the names and in the shapes of `parameters`.
std::map<std::string, at::Tensor> averaged_weights(
    const TensorFile& checkpoint, const std::vector<std::pair<std::string, at::Tensor>>& parameters) {
  const at::Tensor averaged = tensor_view(checkpoint, "averaged");
  std::map<std::string, at::Tensor> weights;
  int64_t place = 0;
  for (const auto& [name, parameter] : parameters) {
    weights[name] = averaged.narrow(0, place, parameter.numel()).view(parameter.sizes());
    place += parameter.numel();
  }
  return weights;
}

void export_compact(const fs::path& run, const TensorFile& checkpoint, const json& settings,
                    const fs::path& path) {
  const CompactNetwork network(compact_config(settings.at("model")));
  TensorsToWrite out;
  for (const auto& [name, weight] : averaged_weights(checkpoint, network.named_parameters().pairs())) {
    out.add(name, weight.to(at::kHalf));
  }
  out.write(path);
  const json description = {{"format", "relievo-compact 1"},
                            {"model", settings.at("model")},
                            {"step", tensor_view(checkpoint, "step")[0].item<int64_t>()},
                            {"settings", settings}};
  const std::string text = description.dump(2) + "\n";
  write_atomically(description_of(path), std::as_bytes(std::span(text)));
  const std::string origins = read_file(origins_of(run), uint64_t{1} << 30);
  write_atomically(fs::path(path).replace_extension(".objects.jsonl"), std::as_bytes(std::span(origins)));
}

/// The published file again, with the weights that were learnt.
void export_finetuned(const TensorFile& checkpoint, const std::string& model, const fs::path& path) {
  TrainConfig config;
  config.finetune = model;
  config.weights = text_of(checkpoint, "weights");
  const auto learnt = averaged_weights(checkpoint, make_finetuner(config)->parameters());
  const std::string prefix = prefix_of(model);
  const TensorFile published = read_weights(config.weights);
  TensorsToWrite out;
  for (const auto& [name, view] : published.tensors) {
    const auto found = name.starts_with(prefix) ? learnt.find(name.substr(prefix.size())) : learnt.end();
    out.add(name, found == learnt.end() ? tensor_view(published, name) : found->second);
  }
  out.write(path);
}

}  // namespace

int64_t trained_steps(const fs::path& run) {
  if (!fs::exists(checkpoint_of(run))) return 0;
  return tensor_view(read_safetensors(checkpoint_of(run)), "step")[0].item<int64_t>();
}

void export_model(const fs::path& run, const fs::path& path) {
  if (!fs::exists(checkpoint_of(run))) {
    throw Error(ErrorCode::kModelMissing, fmt::format("There is no checkpoint in '{}'.", run.string()),
                "Train with relievo-train run first.");
  }
  const TensorFile checkpoint = read_safetensors(checkpoint_of(run));
  const json settings = parse_json(text_of(checkpoint, "settings"));
  const std::string finetuned = settings.at("finetune");
  finetuned.empty() ? export_compact(run, checkpoint, settings, path)
                    : export_finetuned(checkpoint, finetuned, path);
}

}  // namespace relievo

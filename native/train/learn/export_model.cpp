#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "nn/tensors.h"
#include "train/learn/run_state.h"
#include "train/learn/tensors_to_write.h"
#include "train/learn/trainer.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

CompactConfig sizes_of(const json& model) {
  return {.width = model.at("width"),
          .blocks = model.at("blocks"),
          .heads = model.at("heads"),
          .channels = model.at("channels"),
          .hidden = model.at("hidden")};
}

fs::path description_of(const fs::path& model) { return fs::path(model).replace_extension(".json"); }

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
  const TensorFile file = read_safetensors(checkpoint_of(run));
  const json settings = parse_json(text_of(file, "settings"));
  const CompactNetwork network(sizes_of(settings.at("model")));
  const at::Tensor averaged = tensor_view(file, "averaged");
  TensorsToWrite out;
  int64_t place = 0;
  for (const auto& item : network.named_parameters()) {
    const int64_t size = item.value().numel();
    out.add(item.key(), averaged.narrow(0, place, size).view(item.value().sizes()).to(at::kHalf));
    place += size;
  }
  const json description = {{"format", "relievo-compact 1"},
                            {"model", settings.at("model")},
                            {"step", tensor_view(file, "step")[0].item<int64_t>()},
                            {"settings", settings}};
  const std::string text = description.dump(2) + "\n";
  out.write(path);
  write_atomically(description_of(path), std::as_bytes(std::span(text)));
}

std::shared_ptr<CompactNetwork> load_model(const fs::path& path) {
  const json description = read_json(description_of(path));
  try {
    const auto network = std::make_shared<CompactNetwork>(sizes_of(description.at("model")));
    load_strict(*network, read_safetensors(path), "", {});
    return network;
  } catch (const json::exception&) {
    throw Error(ErrorCode::kModelCorrupt,
                fmt::format("'{}' does not describe a model.", description_of(path).string()),
                "Export the model again with relievo-train export.");
  }
}

}  // namespace relievo

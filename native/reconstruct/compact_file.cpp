#include "reconstruct/compact_file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "nn/tensors.h"

namespace relievo {

namespace fs = std::filesystem;
using nlohmann::json;

json to_json(const CompactConfig& config) {
  return {{"width", config.width},
          {"blocks", config.blocks},
          {"heads", config.heads},
          {"channels", config.channels},
          {"hidden", config.hidden}};
}

CompactConfig compact_config(const json& sizes) {
  return {.width = sizes.at("width"),
          .blocks = sizes.at("blocks"),
          .heads = sizes.at("heads"),
          .channels = sizes.at("channels"),
          .hidden = sizes.at("hidden")};
}

fs::path description_of(const fs::path& model) { return fs::path(model).replace_extension(".json"); }

std::shared_ptr<CompactNetwork> load_compact(const fs::path& model) {
  const fs::path beside = description_of(model);
  const auto corrupt = [&](const std::string& why) {
    return Error(ErrorCode::kModelCorrupt,
                 fmt::format("'{}' does not describe a compact model: {}.", beside.string(), why),
                 "Export the model again.");
  };
  CompactConfig config;
  try {
    config = compact_config(read_json(beside).at("model"));
  } catch (const JsonError& error) {
    throw corrupt(error.what());
  } catch (const json::exception&) {
    throw corrupt("its sizes are not there");
  }
  constexpr int64_t kMost = 4096;
  for (const int64_t size : {config.width, config.blocks, config.heads, config.channels, config.hidden}) {
    if (size < 1 || size > kMost) throw corrupt("a size is out of range");
  }
  if (config.width < 4) throw corrupt("its width is out of range");
  if (config.width % config.heads != 0) throw corrupt("its width does not divide into its heads");
  const auto network = std::make_shared<CompactNetwork>(config);
  load_strict(*network, read_safetensors(model), "", {});
  return network;
}

}  // namespace relievo

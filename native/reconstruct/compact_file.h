// The file of a compact model: NAME.safetensors with the network's parameters, and NAME.json, which tells its
// sizes.
#pragma once

#include <filesystem>
#include <memory>

#include <nlohmann/json_fwd.hpp>

#include "reconstruct/compact_network.h"

namespace relievo {

nlohmann::json to_json(const CompactConfig& config);
/// Throws nlohmann::json::exception for a size that is missing or no number.
CompactConfig compact_config(const nlohmann::json& sizes);

/// NAME.json of NAME.safetensors.
std::filesystem::path description_of(const std::filesystem::path& model);

/// The network of a model, ready to compute on the CPU in float32. Throws Error{kIo, kModelCorrupt,
/// kModelMismatch}.
std::shared_ptr<CompactNetwork> load_compact(const std::filesystem::path& model);

}  // namespace relievo

// What is said of a picture for other programs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace relievo {

/// The JSON object that `generate --json` and `batch --json` print for a picture, on one line
/// (docs/architecture.md, "The command line").
std::string report_of(const std::string& picture, const GenerateResult& result,
                      const std::vector<std::filesystem::path>& files);
/// For one that failed; `files` were written before.
std::string report_of(const std::string& picture, const Error& error,
                      const std::vector<std::filesystem::path>& files = {});

}  // namespace relievo

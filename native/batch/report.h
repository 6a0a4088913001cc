// Writes the answer for a picture as other programs read it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "engine/engine.h"

namespace relievo {

/// The JSON object that `generate --json` and `batch --json` print for a picture, on one line
/// (docs/architecture.md, "The command line").
std::string report_of(const std::string& picture, const GenerateResult& result,
                      const std::vector<std::filesystem::path>& files);
/// The object for a picture that failed; `files` were written before that.
std::string report_of(const std::string& picture, const Error& error,
                      const std::vector<std::filesystem::path>& files = {});

/// The object for a picture that would be made (--dry-run): the picture and the path of the result's files
/// without their endings.
std::string report_of_plan(const BatchTask& task);

}  // namespace relievo

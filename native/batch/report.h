// Writes the answer for a picture as other programs read it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "engine/engine.h"
#include "engine/estimate.h"

namespace relievo {

/// The JSON object that `generate --json` and `batch --json` print for a picture, on one line
/// (docs/architecture.md, "The command line"); with `met`, the words of --require that the mesh meets.
std::string report_of(const std::string& picture, const GenerateResult& result,
                      const std::vector<std::filesystem::path>& files,
                      const std::optional<std::vector<std::string>>& met = {});
/// The object for a picture that failed; `files` were written before that.
std::string report_of(const std::string& picture, const Error& error,
                      const std::vector<std::filesystem::path>& files = {});

/// Checks that a result meets what is required (check/check.h), and returns all that it meets. Throws
/// Error{kInvalidSettings} where it does not.
std::vector<std::string> require(const GenerateResult& result, const std::vector<std::string>& required);

/// The object for a picture that would be made (--dry-run): the picture and the path of the result's files
/// without their endings.
std::string report_of_plan(const BatchTask& task);
/// The object that follows these: what making them would take.
std::string report_of_plan(const Estimate& estimate);

}  // namespace relievo

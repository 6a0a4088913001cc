// `relievo golden`: our results beside those of the published implementation.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "verify/fixture.h"

namespace relievo {

struct GoldenReport {
  int cases = 0;
  int failed = 0;
  /// Folders that have no checker, or none for this execution.
  std::vector<std::string> unsupported;
  std::vector<std::string> unread;  ///< tensors that are neither input nor compared
  std::vector<Comparison> worst;    ///< the worst tensor of each case, worst case first
};

/// How many times its tolerance a comparison is off.
double badness(const Comparison& comparison);

/// Fixture folders below `folder` (or `folder` itself) by name. Throws Error{kIo} when there is none.
std::map<std::string, std::filesystem::path> fixture_folders(const std::filesystem::path& folder);

/// The names of all fixtures that there are checkers for.
std::vector<std::string> fixture_names();

/// Checks one fixture; false when there is no checker for one of its name.
bool check_fixture(Fixture& fixture);

/// Whether the fixture's checker can compute so: all do on the CPU in float32, those of networks and of
/// kernels on a GPU too, and of these the networks in half precision, as they are used.
bool computes_as(const std::string& name, const Execution& execution);

/// Checks every fixture folder below `folder` (or `folder` itself). Throws Error{kIo} when there is none.
GoldenReport run_golden(const std::filesystem::path& folder, const Execution& execution = {});

}  // namespace relievo

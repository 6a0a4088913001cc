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
  std::vector<std::string> unsupported;  ///< folders that have no checker
  std::vector<std::string> unread;       ///< tensors that are neither input nor compared
  std::vector<Comparison> worst;         ///< the worst tensor of each case, worst case first
};

/// Fixture folders below `folder` (or `folder` itself) by name. Throws Error{kIo} when there is none.
std::map<std::string, std::filesystem::path> fixture_folders(const std::filesystem::path& folder);

/// The names of all fixtures that there are checkers for.
std::vector<std::string> fixture_names();

/// Checks one fixture; false when there is no checker for one of its name.
bool check_fixture(Fixture& fixture);

/// Checks every fixture folder below `folder` (or `folder` itself). Throws Error{kIo} when there is none.
GoldenReport run_golden(const std::filesystem::path& folder);

}  // namespace relievo

#include <filesystem>

#include <fmt/format.h>

#include "base/error.h"
#include "benchmarks/native/bench.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kBenchmarks = fs::path(RELIEVO_SOURCE_DIR) / "benchmarks";

}  // namespace

json run_baseline(const std::string& script, const json& arguments, const std::string& environment) {
  const fs::path python = fs::path(RELIEVO_SOURCE_DIR) / environment / "bin" / "python";
  if (!fs::exists(python)) {
    throw Error(ErrorCode::kModelMissing,
                fmt::format("The baseline's Python packages are not in '{}'.", environment),
                fmt::format("Run `benchmarks/setup{}` first; it takes about 5 GB of disk.",
                            environment == kTripoSrEnvironment ? " triposr" : ""));
  }
  return last_line_of(fmt::format("{} {} {}", quoted(python.string()),
                                  quoted((kBenchmarks / script).string()), quoted(arguments.dump())));
}

}  // namespace relievo

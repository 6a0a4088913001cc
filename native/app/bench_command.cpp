#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/numeric_option.h"
#include "base/error.h"
#include "base/json.h"
#include "base/standard_output.h"
#include "engine/engine.h"
#include "verify/bench.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  std::string name;
  std::string own_side;  // the arguments of one side, when a bench runs it in this process
  BenchOptions bench;
  bool json = false;
};

int run(const Options& options) {
  const auto found = benches().find(options.name);
  if (found == benches().end()) {
    std::string names;
    for (const auto& [name, bench] : benches()) names += (names.empty() ? "" : ", ") + name;
    throw Error(ErrorCode::kInvalidSettings, fmt::format("There is no bench '{}'.", options.name),
                fmt::format("Choose one of: {}.", names));
  }
  if (!options.own_side.empty()) {
    print_output("{}\n", found->second.own_side(parse_json(options.own_side)).dump());
    return 0;
  }
  const json report = found->second.run(options.bench);
  if (options.json) {
    print_output("{}\n", report.dump());
    return 0;
  }
  print_output("{}: {}\n", options.name, found->second.description);
  for (const auto& [key, value] : report.items()) print_output("  {:<20} {}\n", key, value.dump());
  return 0;
}

}  // namespace

Command add_bench(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  std::string names;
  for (const auto& [name, bench] : benches()) names += fmt::format("\n  {:<10} {}", name, bench.description);
  parser.add_option("name", options->name, "Which:" + names)->required();
  parser.add_flag("--quick", options->bench.quick, "A small configuration, to try the bench itself");
  add_number(parser, "--threads", options->bench.threads, kThreadsRange, "Threads of either side; 0: all");
  parser.add_flag("--json", options->json, "Print one JSON object");
  parser.add_option("--own-side", options->own_side)->group("");  // hidden: what a bench calls
  return [options] { return run(*options); };
}

}  // namespace relievo

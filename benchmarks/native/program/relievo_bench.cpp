// relievo-bench NAME: a claim measured beside the baseline, in one run on one machine.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/numeric_option.h"
#include "base/error.h"
#include "base/json.h"
#include "base/refusals.h"
#include "benchmarks/native/bench.h"
#include "engine/engine.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  std::string name;
  std::string own_side;  // the arguments of one side, when a bench runs it in this process
  BenchOptions bench;
  bool json = false;
};

int report(const Error& error) {
  fmt::print(stderr, "relievo-bench: {}\n", error.message());
  if (!error.hint().empty()) fmt::print(stderr, "  {}\n", error.hint());
  return exit_status(error.code());
}

void run(const Options& options) {
  const auto found = benches().find(options.name);
  if (found == benches().end()) {
    std::vector<std::string> names;
    for (const auto& [name, bench] : benches()) names.push_back(name);
    throw unknown_value("bench", options.name, names);
  }
  if (!options.own_side.empty()) {
    fmt::print("{}\n", found->second.own_side(parse_json(options.own_side)).dump());
    return;
  }
  const json made = found->second.run(options.bench);
  if (options.json) {
    fmt::print("{}\n", made.dump());
    return;
  }
  fmt::print("{}: {}\n", options.name, found->second.description);
  for (const auto& [key, value] : made.items()) fmt::print("  {:<20} {}\n", key, value.dump());
}

int main_of(int argc, char** argv) {
  CLI::App parser("A claim about Relievo measured beside the baseline, in one run.", "relievo-bench");
  Options options;
  std::string names;
  for (const auto& [name, bench] : benches()) names += fmt::format("\n  {:<10} {}", name, bench.description);
  parser.add_option("name", options.name, "Which:" + names)->required();
  parser.add_option("pictures", options.bench.pictures, "Pictures for `preview`; default: some test pictures");
  parser.add_option("--baseline", options.bench.baseline, "Another build's program `relievo`, for `preview`");
  parser.add_flag("--quick", options.bench.quick, "A small configuration, to try the bench itself");
  add_number(parser, "--threads", options.bench.threads, kThreadsRange, "Threads of either side; 0: all");
  parser.add_flag("--json", options.json, "Print one JSON object");
  parser.add_option("--own-side", options.own_side)->group("");  // hidden: what a bench calls
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return parser.exit(error);  // --help
    throw Error(ErrorCode::kInvalidSettings, error.what(), "See relievo-bench --help.");
  }
  run(options);
  return 0;
}

}  // namespace
}  // namespace relievo

int main(int argc, char** argv) {
  try {
    return relievo::main_of(argc, argv);
  } catch (...) {
    return relievo::report(relievo::current_error());
  }
}

#include "benchmarks/native/bench_command.h"

#include <algorithm>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/numeric_option.h"
#include "base/error.h"
#include "base/json.h"
#include "base/refusals.h"
#include "engine/engine.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr Range<int> kRunsRange{0, 1000}, kRepeatsRange{1, 1000};

struct Options {
  std::string name;
  std::string own_side;  // the arguments of one side, when a bench runs it in this process
  std::string precision, latents;
  BenchOptions bench;
  bool json = false;
};

/// The options as the benches take them.
BenchOptions bench_options(const Options& options) {
  BenchOptions bench = options.bench;
  if (!options.precision.empty()) {
    const std::vector<std::string> known{"fp32", "bf16", "fp16"};
    if (std::ranges::find(known, options.precision) == known.end()) {
      throw unknown_value("precision", options.precision, known);
    }
    bench.precisions = {options.precision};
  }
  if (!options.latents.empty()) {
    const std::regex size(R"((\d{1,3})x(\d{1,3}))");
    std::smatch match;
    constexpr int kStep = 8;  // the network halves them three times
    if (std::regex_match(options.latents, match, size)) {
      bench.height = std::stoi(match[1]);
      bench.width = std::stoi(match[2]);
    }
    if (bench.height < kStep || bench.width < kStep || bench.height % kStep || bench.width % kStep) {
      throw invalid_value("latents", options.latents, "Use HEIGHTxWIDTH in multiples of 8, such as 120x80.");
    }
  }
  return bench;
}

void run(const Benches& benches, const Options& options) {
  const auto found = benches.find(options.name);
  if (found == benches.end()) {
    std::vector<std::string> names;
    for (const auto& [name, bench] : benches) names.push_back(name);
    throw unknown_value("bench", options.name, names);
  }
  if (!options.own_side.empty()) {
    fmt::print("{}\n", found->second.own_side(parse_json(options.own_side)).dump());
    return;
  }
  const BenchOptions bench = bench_options(options);
  if (bench.device != "cpu" && !found->second.runs_on_devices) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The bench '{}' runs on the processor only.", options.name),
                "Use step, planes, vae or pipeline with --device.");
  }
  const json made = found->second.run(bench);
  if (options.json) {
    fmt::print("{}\n", made.dump());
    return;
  }
  fmt::print("{}: {}\n", options.name, found->second.description);
  for (const auto& [key, value] : made.items()) fmt::print("  {:<20} {}\n", key, value.dump());
}

std::string& word_of_this_program() {
  static std::string word;
  return word;
}

}  // namespace

const std::string& word_before_bench() { return word_of_this_program(); }

std::function<int()> add_bench(CLI::App& parser, const Benches& benches) {
  if (parser.get_parent() != nullptr) word_of_this_program() = parser.get_name();
  const auto options = std::make_shared<Options>();
  std::string names;
  for (const auto& [name, bench] : benches) names += fmt::format("\n  {:<10} {}", name, bench.description);
  parser.add_option("name", options->name, "Which:" + names)->required();
  parser.add_option("pictures", options->bench.pictures,
                    "Pictures for `preview`; default: some test pictures");
  parser.add_option("--baseline", options->bench.baseline,
                    "Another build's program `relievo`, for `preview`");
  parser.add_flag("--quick", options->bench.quick, "A small configuration, to try the bench itself");
  add_number(parser, "--threads", options->bench.threads, kThreadsRange, "Threads of either side; 0: all");
  parser.add_option("--device", options->bench.device,
                    "Device of step, planes, vae and pipeline: cpu or cuda:0");
  parser.add_option("--precision", options->precision,
                    "fp32, bf16 or fp16 (default: bf16, and fp32 beside it)");
  parser.add_option("--latents", options->latents, "Size of the latents of step and vae (default: 120x80)");
  add_number(parser, "--warm-up", options->bench.warm_up, kRunsRange, "Runs that are not timed");
  add_number(parser, "--repeats", options->bench.repeats, kRepeatsRange, "Runs that are timed");
  parser.add_flag("--alone", options->bench.is_alone, "Our side alone, without the baseline");
  parser.add_flag("--compiled", options->bench.with_compiled, "Beside torch.compile, too");
  parser.add_flag("--json", options->json, "Print one JSON object");
  parser.add_option("--own-side", options->own_side)->group("");  // hidden: what a bench calls
  return [options, &benches] {
    run(benches, *options);
    return 0;
  };
}

}  // namespace relievo

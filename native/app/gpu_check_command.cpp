#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.h"
#include "app/gpu_check_report.h"
#include "base/interruption.h"
#include "base/refusals.h"
#include "base/standard_output.h"

namespace relievo {
namespace {

struct Options {
  GpuCheckOptions check;
  std::string size;
  bool json = false;
};

int run(const Options& options) {
  GpuCheckOptions check = options.check;
  if (options.size == "tiny") {
    check.size = ModelSize::kTiny;
  } else if (options.size == "full") {
    check.size = ModelSize::kFull;
  } else if (!options.size.empty()) {
    throw unknown_value("size", options.size, std::vector<std::string>{"tiny", "full"});
  }
  const auto tell = [&](const std::string& line) {
    if (!options.json) print_output("{}\n", line);
  };
  const GpuCheckReport report = check_gpus(check, interruption(), tell);
  if (options.json) print_output("{}\n", report.json);
  return report.failed == 0 ? 0 : 1;
}

}  // namespace

Command add_gpu_check(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("--devices", options->check.devices,
                    "Devices, as generate has them: cuda:0,cuda:1 or cpu (default: every GPU, else the CPU)");
  parser
      .add_option("--parts", options->check.parts,
                  fmt::format("Some of {} (default: all on a GPU, kernels and golden on the CPU)",
                              fmt::join(gpu_check_parts(), ",")))
      ->delimiter(',');
  parser.add_option("--size", options->size,
                    "Models for step and memory: tiny or full (default: full on a GPU, tiny on the CPU)");
  parser.add_option("--golden", options->check.golden, "Folder of golden cases (default: those that ship)");
  parser.add_option("--report", options->check.report, "File for the JSON object, written after each check");
  parser.add_flag("--json", options->json, "Print one JSON object");
  // Hidden: what a check starts its parts with.
  parser.add_option("--scratch", options->check.scratch)->group("");
  parser.add_flag("--part-of-another", options->check.is_part_of_another)->group("");
  return [options] { return run(*options); };
}

}  // namespace relievo

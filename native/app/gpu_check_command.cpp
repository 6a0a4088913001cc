#include <memory>

#include "app/commands.h"
#include "app/gpu_check_report.h"
#include "base/interruption.h"
#include "base/standard_output.h"

namespace relievo {
namespace {

struct Options {
  std::string devices;
  bool json = false;
};

int run(const Options& options) {
  const auto tell = [&](const std::string& line) {
    if (!options.json) print_output("{}\n", line);
  };
  const GpuCheckReport report = check_gpus(options.devices, interruption(), tell);
  if (options.json) print_output("{}\n", report.json);
  return report.failed == 0 ? 0 : 1;
}

}  // namespace

Command add_gpu_check(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("--devices", options->devices,
                    "Devices, as generate has them: cuda:0,cuda:1 or cpu (default: every GPU, else the CPU)");
  parser.add_flag("--json", options->json, "Print one JSON object");
  return [options] { return run(*options); };
}

}  // namespace relievo

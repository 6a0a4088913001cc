#include <memory>

#include "app/commands.h"
#include "app/generate.h"
#include "app/profile_report.h"
#include "app/progress_line.h"
#include "base/interruption.h"
#include "base/standard_output.h"

namespace relievo {
namespace {

struct Options {
  ProfileQuestion question;
  bool json = false;
};

int run(const Options& options) {
  ProfileQuestion question = options.question;
  question.cancel = interruption();
  if (question.model.empty() && profiled_model("") == kPreviewModel) {
    print_message(
        "relievo: No reconstruction model is installed with all that it needs: only 'preview' is "
        "profiled.\n"
        "  Fetch one with `relievo models fetch NAME`.\n");
  }
  std::unique_ptr<ProgressLine> line;
  ProfileListener listener;
  listener.on_step = [&](const std::string& device, const std::string& what, double fraction) {
    if (!line) line = std::make_unique<ProgressLine>(!options.json);
    JobStatus status;
    status.state = JobState::kRunning;
    status.stage = what;
    status.fraction = fraction;
    line->draw(device, status);
  };
  listener.on_kind = [&](const std::string& table, const std::string& json) {
    line.reset();
    if (options.json) {
      print_line(json);
    } else {
      print_output("{}", table);
    }
  };
  listener.on_links = [&](const std::string& lines) {
    if (!options.json) print_output("{}", lines);
  };
  profile_devices(question, listener);
  return 0;
}

}  // namespace

Command add_profile(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("--devices", options->question.devices,
                    "Devices or shares of them, those of a kind at the same time (cuda:0, cpu*2@3GiB); "
                    "default: every GPU, else the CPU");
  parser.add_option(
      "--model", options->question.model,
      "Model whose stages are measured; default: the first that is installed with all it needs, else "
      "preview");
  parser.add_flag("--quick", options->question.quick,
                  "Smaller sizes, one picture at a time, only the first mode of each stage");
  parser.add_flag("--json", options->json, "Print one JSON object a kind of device");
  return [options] { return run(*options); };
}

}  // namespace relievo

// The program that makes data, trains, measures and exports the models of this project.
#include <sstream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "train/program/commands.h"

namespace {

using relievo::Error;

int run(int argc, const char* const* argv) {
  CLI::App app("Train Relievo's models.", "relievo-train");
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, relievo::TrainCommand>> commands;
  const auto add = [&](const char* name, const char* description, relievo::TrainCommand (*adder)(CLI::App&)) {
    CLI::App* parser = app.add_subcommand(name, description);
    commands.emplace_back(parser, adder(*parser));
  };
  add("data", "Make samples of objects; goes on where it was stopped.", relievo::add_data);
  add("run", "Train a model; goes on where it was stopped.", relievo::add_run);
  add("eval", "Measure a model and the inflation on held-out objects.", relievo::add_eval);
  add("export", "Write a trained model as float16 safetensors.", relievo::add_export);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    if (error.get_exit_code() != 0) {
      throw Error(relievo::ErrorCode::kInvalidSettings, error.what(), "See relievo-train COMMAND --help.");
    }
    app.exit(error, text, text);
    relievo::write_output(text.str());
    return 0;
  }
  for (const auto& [parser, command] : commands) {
    if (parser->parsed()) return command();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  relievo::keep_standard_streams();
  relievo::catch_interruptions();
  int status = 0;
  try {
    status = run(argc, argv);
  } catch (...) {
    const Error error = relievo::current_error();
    relievo::print_message("relievo-train: {}\n", error.message());
    if (!error.hint().empty()) relievo::print_message("  {}\n", error.hint());
    status = exit_status(error.code());
  }
  return relievo::interrupted_status().value_or(relievo::status_after_output(status));
}

#include <sstream>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "engine/engine.h"

namespace relievo {
namespace {

int report(const Error& error) {
  print_message("relievo: {}\n", error.message());
  if (!error.hint().empty()) print_message("  {}\n", error.hint());
  return exit_status(error.code());
}

int run(int argc, const char* const* argv, const std::vector<CommandWord>& words) {
  CLI::App app("Relievo: one picture in, one clean textured mesh out.", "relievo");
  app.set_version_flag("--version", "relievo " + version());
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, Command>> commands;
  for (const CommandWord& word : words) {
    CLI::App* parser = app.add_subcommand(word.name, word.description);
    if (word.description.empty()) parser->group("");  // hides it from --help
    commands.emplace_back(parser, word.add(*parser));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      std::ostringstream text;
      app.exit(error, text, text);
      write_output(text.str());
      return 0;
    }
    // CLI11's message names the word that it cannot use.
    return report(
        {ErrorCode::kInvalidSettings, error.what(), "See relievo --help and relievo COMMAND --help."});
  }
  for (const auto& [parser, command] : commands) {
    if (parser->parsed()) return command();
  }
  return 0;
}

}  // namespace

int run_commands(int argc, const char* const* argv, const std::vector<CommandWord>& words) {
  keep_standard_streams();
  catch_interruptions();
  int status = 0;
  try {
    status = run(argc, argv, words);
  } catch (...) {
    status = report(current_error());
  }
  return interrupted_status().value_or(status_after_output(status));
}

}  // namespace relievo

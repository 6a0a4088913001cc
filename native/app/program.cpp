#include "app/program.h"

#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "app/commands.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "engine/engine.h"

namespace {

int report(const relievo::Error& error) {
  relievo::print_message("relievo: {}\n", error.message());
  if (!error.hint().empty()) relievo::print_message("  {}\n", error.hint());
  return exit_status(error.code());
}

// These words of version 0.1.0 are understood for one release more.

relievo::Command add_moved_bench(CLI::App& parser) {
  parser.allow_extras();
  return []() -> int {
    throw relievo::Error(relievo::ErrorCode::kInvalidSettings,
                         "'relievo bench' is a program of its own now: 'relievo-bench'.",
                         "Run build/relievo-bench NAME with the same options; `make build` builds it.");
  };
}

relievo::Command add_calibrate(CLI::App& parser) {
  return [profile = relievo::add_profile(parser)] {
    relievo::print_message("relievo: 'relievo calibrate' is called 'relievo profile' now.\n");
    return profile();
  };
}

int run(int argc, const char* const* argv, const relievo::Web& web) {
  CLI::App app("Relievo: one picture in, one clean textured mesh out.", "relievo");
  app.set_version_flag("--version", "relievo " + relievo::version());
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, relievo::Command>> commands;
  const auto add = [&](const char* name, const char* description, auto adder) {
    CLI::App* parser = app.add_subcommand(name, description);
    commands.emplace_back(parser, adder(*parser));
  };
  add("generate", "Make a textured mesh of each picture.", relievo::add_generate);
  add("batch", "Make a textured mesh of each picture of a folder or manifest; goes on where it was stopped.",
      relievo::add_batch);
  add("check", "Judge meshes: how sound they are, and whether they meet what is required.",
      relievo::add_check);
  add("golden", "Compare results with those of the published implementation.", relievo::add_golden);
  add("models", "List, fetch, check, import and remove models.",
      [&web](CLI::App& parser) { return relievo::add_models(parser, web); });
  add("devices", "Show what can compute here.", relievo::add_devices);
  add("gpu-check", "Compare what each device computes with what the CPU computes.", relievo::add_gpu_check);
  add("profile", "Measure what the stages cost here, for plans and batches that fit.", relievo::add_profile);
  add("plan", "Plan and simulate a run, on this machine or on one that is not there.", relievo::add_plan);
  const auto add_old = [&](const char* name, auto adder) {
    add(name, "", adder);
    commands.back().first->group("");  // hides it from --help
  };
  add_old("bench", add_moved_bench);
  add_old("calibrate", add_calibrate);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      std::ostringstream text;
      app.exit(error, text, text);
      relievo::write_output(text.str());
      return 0;
    }
    // CLI11's message names the word that it cannot use.
    return report({relievo::ErrorCode::kInvalidSettings, error.what(),
                   "See relievo --help and relievo COMMAND --help."});
  }
  for (const auto& [parser, command] : commands) {
    if (parser->parsed()) return command();
  }
  return 0;
}

}  // namespace

int relievo::run_program(int argc, const char* const* argv, const Web& web) {
  keep_standard_streams();
  catch_interruptions();
  int status = 0;
  try {
    status = run(argc, argv, web);
  } catch (...) {
    status = report(current_error());
  }
  return interrupted_status().value_or(status_after_output(status));
}

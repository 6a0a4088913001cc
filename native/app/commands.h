// The commands of the program. Each adds its words to the parser and returns the function that runs when they
// were given.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/program.h"

namespace relievo {

using Command = std::function<int()>;  ///< returns the exit status; throws Error

/// A word of the command line. Without a description it is understood, but not shown by --help.
struct CommandWord {
  std::string name, description;
  std::function<Command(CLI::App& parser)> add;
};

/// Runs a command line of these words, as run_program() does with all.
int run_commands(int argc, const char* const* argv, const std::vector<CommandWord>& words);

/// `relievo generate PICTURE… -o DIR`
Command add_generate(CLI::App& parser);

/// `relievo batch FOLDER|MANIFEST -o DIR`
Command add_batch(CLI::App& parser);

/// `relievo check FILE…`
Command add_check(CLI::App& parser);
/// Tells the words of --require.
std::string help_of_requirements();

/// `relievo finish MESH… -o DIR`
Command add_finish(CLI::App& parser);

/// `relievo bake SOURCE TARGET -o DIR`
Command add_bake(CLI::App& parser);

/// `relievo golden DIR`
Command add_golden(CLI::App& parser);

/// `relievo models list|fetch|verify|import|remove`
Command add_models(CLI::App& parser, const Web& web);

/// `relievo devices`
Command add_devices(CLI::App& parser);

/// `relievo gpu-check`
Command add_gpu_check(CLI::App& parser);

/// `relievo profile`
Command add_profile(CLI::App& parser);

/// `relievo plan`
Command add_plan(CLI::App& parser);

}  // namespace relievo

// The command line of benches: a program of its own, relievo-bench, or a word of the kit's program.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "benchmarks/native/bench.h"

namespace relievo {

/// Adds the words of a command line that knows these benches; they must outlive what is returned, the
/// function that runs when they were given. It throws Error, and returns the exit status.
std::function<int()> add_bench(CLI::App& parser, const Benches& benches);

/// What stands before a bench's name on this program's command line: nothing, or the word that add_bench()
/// was given the parser of.
const std::string& word_before_bench();

}  // namespace relievo

// Runs the program `relievo` on a terminal of its own, and follows it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace relievo {

/// What a run of the program took. Processor seconds are those of all of its threads, in user mode and in the
/// kernel.
struct ProgramRun {
  int status = 0;  ///< as the shell would say it
  double seconds = 0;
  double cpu_seconds = 0;
  /// By what the program's line of progress said: its stages, `start` before the first and `files` after the
  /// last. The line changes ten times a second, so what is shorter than that is counted with what is beside
  /// it.
  std::map<std::string, double> stage_cpu_seconds;
};

/// Runs `program arguments...`; its standard output is thrown away. Throws Error{kInternal} where it cannot
/// be started.
ProgramRun run_on_terminal(const std::string& program, const std::vector<std::string>& arguments);

/// The stage that a line of progress names, `[1/1] NAME  BAR 12 %  STAGE`; empty where the line is none.
std::string stage_in_line(const std::string& line);

}  // namespace relievo

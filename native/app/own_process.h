// Runs a command of this program in a process of its own, with a time limit.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/control.h"

namespace relievo {

/// The words that start this program again: the file that runs, or what the environment's RELIEVO_PROGRAM
/// names (the command of the wheel does, whose process is Python's). Empty in any other process, as
/// Blender's.
std::vector<std::string> own_program();

struct EndedProcess {
  int status = 0;  ///< what it exited with, 128 and the number of the signal that ended it
  bool ran_too_long = false;
};

/// Starts the words, passes each line of its standard output on and waits for its end, which comes by force
/// after so many seconds. Its standard error is ours, its standard input empty. Throws Error{kIo} where it
/// cannot be started, Error{kCancelled} after ending it, and what `on_line` throws.
EndedProcess run_process(const std::vector<std::string>& words, double seconds, const CancelToken& cancel,
                         const std::function<void(const std::string& line)>& on_line);

}  // namespace relievo

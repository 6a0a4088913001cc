// Ctrl-C, SIGTERM and a terminal that is closed, as a wish to stop.
#pragma once

#include <optional>

#include "base/control.h"

namespace relievo {

/// From here on SIGINT, SIGTERM and SIGHUP interrupt the program. A signal that was ignored when the program
/// began stays ignored (nohup, jobs in the background of a script). The first one cancels interruption(); it
/// ends the program at once, with 128 and the signal's number, where nobody has asked for interruption() yet.
/// So does the second, in any case.
void catch_interruptions();

/// Is cancelled by the first signal. Who asks for it promises to check it at least every half second.
CancelToken interruption();

/// The exit status of a program that was interrupted: 130 after Ctrl-C, 143 after SIGTERM. None: it was not.
std::optional<int> interrupted_status();

}  // namespace relievo

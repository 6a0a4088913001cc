// The command line, which runs as the program `relievo` and, in the Python module, as the command that the
// wheel installs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "downloads/transport.h"

namespace relievo {

/// Opens the transport to web servers when something is fetched. `certificates` is a file of certificates in
/// PEM that are trusted in place of the system's; where it is empty, the system's are. Throws Error{kIo} when
/// it cannot be read.
using Web = std::function<std::unique_ptr<Transport>(const std::filesystem::path& certificates)>;

/// Runs the command line and returns the exit status. It takes over the process: signals (they cancel) and
/// the standard streams belong to it from here on.
int run_program(int argc, const char* const* argv, const Web& web);

}  // namespace relievo

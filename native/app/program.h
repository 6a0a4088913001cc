// The command line, wherever it runs: as the program `relievo`, and in the Python module for the command that
// the wheel installs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "downloads/transport.h"

namespace relievo {

/// The way to web servers, opened when something is fetched. `certificates`: a file of certificates in PEM
/// that are trusted in place of the system's; empty: the system's. Throws Error{kIo} when it cannot be read.
using Web = std::function<std::unique_ptr<Transport>(const std::filesystem::path& certificates)>;

/// Does what the words say and returns the exit status. It has the process for itself: signals (they cancel)
/// and the standard streams are its own from here on.
int run_program(int argc, const char* const* argv, const Web& web);

}  // namespace relievo

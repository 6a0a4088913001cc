// Errors of calls of the system.
#pragma once

#include <string>

#include "base/error.h"

namespace relievo {

/// The error for want of memory on the machine itself.
Error out_of_memory();

/// "WHAT: REASON." of a call that failed with this errno: out_of_memory, or io with a hint of its own where
/// memory, the disk or open files ran out, else io with `hint`.
Error system_error(const std::string& what, int number, const std::string& hint);

}  // namespace relievo

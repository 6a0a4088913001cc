// How much memory the process holds, as the system counts it.
#pragma once

#include <cstdint>

namespace relievo {

/// Starts a new measurement of the peak. Does nothing where the system has no such counter.
void reset_peak_resident_bytes();

/// The highest resident size since the process began or since the last reset; 0 where the system does not
/// tell.
int64_t peak_resident_bytes();

/// The process's memory that is no file's, which only the process itself can give back; 0 where the system
/// does not tell.
int64_t anonymous_bytes();

}  // namespace relievo

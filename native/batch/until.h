// The time of day until which a batch may begin pictures.
#pragma once

#include <chrono>
#include <string>

namespace relievo {

/// The next moment after `now` at which clocks of this machine show the time, such as `07:00`. Throws
/// Error{kInvalidSettings} for another text.
std::chrono::system_clock::time_point next_time_of_day(
    const std::string& text, std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

}  // namespace relievo

// Log lines for people. Warnings go to standard error, and all of them to where the engine sends them.
#pragma once

#include <functional>
#include <string_view>

namespace relievo {

enum class LogLevel { kDebug, kInfo, kWarning };

/// Any thread may call it.
void log(LogLevel level, std::string_view line);

/// Replaces the receiver of all lines; there is none at the start. Called under a lock, one line at a time.
void set_log_sink(std::function<void(LogLevel, std::string_view)> sink);

}  // namespace relievo

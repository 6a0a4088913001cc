#include "base/log.h"

#include <cstdio>
#include <mutex>
#include <utility>

namespace relievo {
namespace {

std::mutex g_mutex;

void warnings_to_stderr(LogLevel level, std::string_view line) {
  if (level != LogLevel::kWarning) return;
  std::fprintf(stderr, "relievo: warning: %.*s\n", static_cast<int>(line.size()), line.data());
}

std::function<void(LogLevel, std::string_view)>& sink() {
  static std::function<void(LogLevel, std::string_view)> instance = warnings_to_stderr;
  return instance;
}

}  // namespace

void log(LogLevel level, std::string_view line) {
  const std::lock_guard lock(g_mutex);
  sink()(level, line);
}

void set_log_sink(std::function<void(LogLevel, std::string_view)> new_sink) {
  const std::lock_guard lock(g_mutex);
  if (new_sink)
    sink() = std::move(new_sink);
  else
    sink() = warnings_to_stderr;
}

}  // namespace relievo

#include "base/log.h"

#include <cstdio>
#include <mutex>
#include <utility>

namespace relievo {
namespace {

std::mutex g_mutex;

std::function<void(LogLevel, std::string_view)>& sink() {
  static std::function<void(LogLevel, std::string_view)> instance;
  return instance;
}

}  // namespace

void log(LogLevel level, std::string_view line) {
  const std::lock_guard lock(g_mutex);
  if (level == LogLevel::kWarning) {
    std::fprintf(stderr, "relievo: warning: %.*s\n", static_cast<int>(line.size()), line.data());
  }
  if (sink()) sink()(level, line);
}

void set_log_sink(std::function<void(LogLevel, std::string_view)> new_sink) {
  const std::lock_guard lock(g_mutex);
  sink() = std::move(new_sink);
}

}  // namespace relievo

#include "base/fork.h"

#include <atomic>

#include <fmt/format.h>
#include <pthread.h>

#include "base/error.h"

namespace relievo {
namespace {

std::atomic<bool> g_uses_threads = false;
std::atomic<bool> g_has_lost_threads = false;

// Between fork() and exec(): nothing that is not safe in a signal handler.
void after_fork_in_child() {
  if (g_uses_threads) g_has_lost_threads = true;
}

}  // namespace

void use_threads() {
  [[maybe_unused]] static const int registered = ::pthread_atfork(nullptr, nullptr, after_fork_in_child);
  g_uses_threads = true;
}

bool has_lost_threads() { return g_has_lost_threads; }

void require_threads(const char* what) {
  if (!has_lost_threads()) return;
  throw Error(
      ErrorCode::kInvalidSettings,
      fmt::format("{} was used before this process was forked; its threads are not here.", what),
      "Start processes by spawn: multiprocessing.get_context(\"spawn\"), or set_start_method(\"spawn\").");
}

}  // namespace relievo

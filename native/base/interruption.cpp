#include "base/interruption.h"

#include <atomic>
#include <csignal>
#include <string_view>

#include <unistd.h>

namespace relievo {
namespace {

// What a signal handler may touch: lock-free atomics.
std::atomic<int> g_received = 0;
std::atomic<bool> g_is_heeded = false;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

const CancelToken& token() {
  static const CancelToken instance;
  return instance;
}

void receive(int number) {
  const bool is_first = g_received.exchange(number) == 0;
  if (is_first && g_is_heeded) return token().cancel();
  constexpr std::string_view kMessage = "\nrelievo: Interrupted.\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
  ::_exit(128 + number);
}

}  // namespace

void catch_interruptions() {
  token();  // is made before a handler needs it
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = receive;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, &action, nullptr);
  }
}

CancelToken interruption() {
  g_is_heeded = true;
  return token();
}

std::optional<int> interrupted_status() {
  const int number = g_received;
  return number == 0 ? std::nullopt : std::optional(128 + number);
}

}  // namespace relievo

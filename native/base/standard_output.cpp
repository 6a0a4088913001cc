#include "base/standard_output.h"

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"

namespace relievo {
namespace {

std::mutex g_mutex;
bool g_is_lost = false;  // guarded by g_mutex

}  // namespace

void keep_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    // Opened the wrong way round, so that its use fails as that of a closed stream does. It becomes the
    // lowest number that is free: this one.
    ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

void write_output(std::string_view text) {
  const std::lock_guard lock(g_mutex);
  if (g_is_lost) return;
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    // Somebody else has made the pipe non-blocking.
    if (errno == EAGAIN) {
      pollfd full{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&full, 1, -1);
      continue;
    }
    g_is_lost = true;
    print_message(
        "relievo: Cannot write to standard output: {}.\n"
        "  What would have been said there is lost; free some space, or look at what reads it.\n",
        std::generic_category().message(errno));
    return;
  }
}

void write_message(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

int status_after_output(int status) {
  const std::lock_guard lock(g_mutex);
  return status == 0 && g_is_lost ? exit_status(ErrorCode::kIo) : status;
}

}  // namespace relievo

#include "app/own_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/system_error.h"

extern char** environ;

namespace relievo {
namespace {

/// A child that is ended and waited for, whatever happens.
class Child {
 public:
  Child(const std::vector<std::string>& words, int output) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    const int failure = posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure == 0) return;
    pid_ = -1;
    throw system_error(fmt::format("'{}' cannot be started", words[0]), failure,
                       "Check that the file may be run.");
  }
  ~Child() {
    if (pid_ > 0) end();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end() {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  /// Returns the exit status, or 128 and the signal, of a child that has ended; nothing while it runs.
  std::optional<int> status() {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return {};
    pid_ = -1;
    constexpr int kBySignal = 128;
    return WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

struct Pipe {
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0)
      throw system_error("A pipe cannot be made", errno, "Close other programs.");
  }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_input() { close(std::exchange(ends[1], -1)); }
  int ends[2] = {-1, -1};
};

}  // namespace

std::vector<std::string> own_program() {
  if (const char* named = std::getenv("RELIEVO_PROGRAM"); named && *named) return {named};
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || here.filename() != "relievo") return {};
  return {here.string()};
}

EndedProcess run_process(const std::vector<std::string>& words, double seconds, const CancelToken& cancel,
                         const std::function<void(const std::string& line)>& on_line) {
  Pipe pipe;
  Child child(words, pipe.ends[1]);
  pipe.close_input();
  const auto begin = Clock::now();
  std::string unread;
  std::array<char, 4096> buffer{};
  bool is_writing = true;
  while (true) {
    // A child may close its output and go on.
    if (const auto status = is_writing ? std::nullopt : child.status()) {
      return {.status = *status, .ran_too_long = false};
    }
    cancel.check();
    if (seconds_since(begin) > seconds) {
      child.end();
      return {.status = 0, .ran_too_long = true};
    }
    constexpr int kPatience = 100, kPause = 5;  // milliseconds
    if (!is_writing) {
      poll(nullptr, 0, kPause);
      continue;
    }
    pollfd output{.fd = pipe.ends[0], .events = POLLIN, .revents = 0};
    if (poll(&output, 1, kPatience) <= 0) continue;
    const ssize_t count = read(pipe.ends[0], buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      is_writing = false;
      continue;
    }
    unread.append(buffer.data(), static_cast<size_t>(count));
    for (size_t end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
      const std::string line = unread.substr(0, end);
      unread.erase(0, end + 1);
      on_line(line);
    }
  }
}

}  // namespace relievo

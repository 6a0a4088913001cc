#include "benchmarks/native/program_run.h"

#include <array>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

namespace relievo {
namespace {

[[noreturn]] void throw_start_failed(const std::string& program) {
  throw Error(ErrorCode::kInternal, fmt::format("'{}' cannot be started.", program));
}

/// The processor time that a running process has taken so far.
double cpu_seconds_of(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

std::string stage_in_line(const std::string& line) {
  const size_t percent = line.find(" %  ");
  if (line.find('[') == std::string::npos || percent == std::string::npos) return {};
  const size_t first = percent + 4, end = line.find_first_of(" \r\n\033", first);
  return line.substr(first, end == std::string::npos ? end : end - first);
}

ProgramRun run_on_terminal(const std::string& program, const std::vector<std::string>& arguments) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) throw_start_failed(program);
  const std::string name = ::ptsname(terminal);
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);

  const auto start = Clock::now();
  const pid_t process = ::fork();
  if (process < 0) throw_start_failed(program);
  if (process == 0) {
    const int errors = ::open(name.c_str(), O_WRONLY | O_NOCTTY), nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    ::execv(words[0], words.data());
    ::_exit(127);
  }

  ProgramRun run;
  std::string stage = "start", text, messages;
  double before = 0;
  const auto enter = [&](const std::string& next, double now) {
    run.stage_cpu_seconds[stage] += now - before;
    before = now;
    stage = next;
  };
  int status = 0;
  rusage usage{};
  while (::wait4(process, &status, WNOHANG, &usage) == 0) {
    pollfd readable{terminal, POLLIN, 0};
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    if (::poll(&readable, 1, 20) > 0) count = ::read(terminal, buffer.data(), buffer.size());
    if (count <= 0) {
      ::usleep(1000);
      continue;
    }
    messages.append(buffer.data(), static_cast<size_t>(count));
    text.append(buffer.data(), static_cast<size_t>(count));
    for (size_t end = text.find('\r', 1); end != std::string::npos; end = text.find('\r', 1)) {
      text.erase(0, end);  // a line is whole when the next one begins
    }
    const std::string now = stage_in_line(text);
    // An empty line takes the progress away: what follows writes files.
    if (now.empty() && text == "\r\033[K" && stage != "start") enter("files", cpu_seconds_of(process));
    if (!now.empty() && now != stage) enter(now, cpu_seconds_of(process));
  }
  ::close(terminal);
  run.seconds = seconds_since(start);
  run.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  enter("", run.cpu_seconds);
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (run.status != 0) fmt::print(stderr, "{}\n", messages);
  return run;
}

}  // namespace relievo

// A child of the tests' stands for a whole process: it can be killed or lose its output.
#pragma once

#include <csignal>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace relievo {

/// A child that runs `body`, which must not return to the tests, with its standard error in a pipe.
class Child {
 public:
  explicit Child(const std::function<int()>& body) {
    int ends[2] = {};
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    id_ = ::fork();
    if (id_ == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      ::close(ends[0]);
      ::_exit(body());
    }
    ::close(ends[1]);
    said_ = ends[0];
  }
  ~Child() {
    if (id_ > 0) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
    ::close(said_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t id() const { return id_; }

  /// Reads what it writes to standard error, until it has written `text` or ended.
  std::string read_until(const std::string& text) {
    std::string read;
    char letter = 0;
    while (read.find(text) == std::string::npos && ::read(said_, &letter, 1) == 1) read += letter;
    return read;
  }

  /// Returns its exit status, or -1 where it was killed or does not end within a minute.
  int status() {
    for (int i = 0; i < 6000; ++i) {
      int status = 0;
      if (::waitpid(id_, &status, WNOHANG) == id_) {
        id_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      ::usleep(10'000);
    }
    return -1;
  }

 private:
  pid_t id_ = -1;
  int said_ = -1;
};

}  // namespace relievo

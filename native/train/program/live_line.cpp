#include "train/program/live_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/standard_output.h"

namespace relievo {

LiveLine::LiveLine() : is_terminal_(isatty(STDERR_FILENO) == 1), next_(Clock::now()) {}

LiveLine::~LiveLine() {
  if (is_drawn_) write_message("\n");
}

void LiveLine::show(const std::string& text) {
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + (is_terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(30'000));
  if (is_terminal_) {
    print_message("\r\x1b[K{}", text);
    is_drawn_ = true;
  } else {
    print_message("{}\n", text);
  }
}

std::string in_words(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{} min", whole / 60);
  return fmt::format("{} s", whole);
}

}  // namespace relievo

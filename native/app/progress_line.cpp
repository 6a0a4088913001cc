#include "app/progress_line.h"

#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "base/standard_output.h"

namespace relievo {

ProgressLine::ProgressLine(bool wanted) : is_on_(wanted && isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::draw(const std::string& title, const JobStatus& status) {
  if (!is_on_) return;
  constexpr int kWidth = 24;
  const int filled = static_cast<int>(status.fraction * kWidth);
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  const std::string left =
      status.seconds_left >= 0 ? fmt::format("{:.0f} s left", std::ceil(status.seconds_left)) : std::string();
  print_message("\r\033[K{}  {} {:3.0f} %  {:<11} {}", title, bar, status.fraction * 100, status.stage, left);
  is_drawn_ = true;
}

void ProgressLine::clear() {
  if (!is_drawn_) return;
  print_message("\r\033[K");
  is_drawn_ = false;
}

}  // namespace relievo

// One line that is drawn again and again where standard error is a terminal; elsewhere a line now and then.
#pragma once

#include <string>

#include "base/clock.h"

namespace relievo {

class LiveLine {
 public:
  LiveLine();
  ~LiveLine();
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  /// Shows the text, at most five times a second on a terminal and once in half a minute elsewhere.
  void show(const std::string& text);

 private:
  bool is_terminal_;
  bool is_drawn_ = false;
  Clock::time_point next_;
};

/// `3 h 20 min`, `4 min`, `12 s`.
std::string in_words(double seconds);

}  // namespace relievo

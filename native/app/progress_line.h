// Shows the progress of a job in one line on the terminal.
#pragma once

#include <string>

#include "engine/engine.h"

namespace relievo {

/// Draws on standard error, and only where that is a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool wanted);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void draw(const std::string& title, const JobStatus& status);
  void clear();

 private:
  bool is_on_;
  bool is_drawn_ = false;
};

}  // namespace relievo

// Passes of a training that have no gradients.
#pragma once

#include <utility>

namespace relievo {

/// While it lives, the networks of this thread compute as they do with gradients, by torch's operators: for a
/// pass that is repeated with gradients (train/checkpoint.h), which must round alike.
class PlainPass {
 public:
  PlainPass() : before_(std::exchange(is_on_, true)) {}
  ~PlainPass() { is_on_ = before_; }
  PlainPass(const PlainPass&) = delete;
  PlainPass& operator=(const PlainPass&) = delete;

  static bool is_on() { return is_on_; }

 private:
  static inline thread_local bool is_on_ = false;
  bool before_;
};

}  // namespace relievo

// Dynamic loss scaling (Micikevicius et al. 2018, "Mixed Precision Training", arXiv 1710.03740): in float16
// small gradients would be zero, so that the loss is multiplied before the backward pass and the gradients
// are divided after it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace relievo {

struct LossScale {
  static constexpr double kFirst = 4'096, kLeast = 1, kMost = 16'777'216;
  static constexpr int64_t kPatience = 1000;  ///< steps after which the scale doubles

  double scale = 1;
  int64_t good_steps = 0;     ///< since the scale changed
  int64_t skipped_steps = 0;  ///< in all: their gradients were no numbers

  /// Takes notice of a step. Returns whether its gradients can be used: where they are no numbers, the scale
  /// is halved.
  bool accept(bool is_finite) {
    if (!is_finite) {
      scale = std::max(scale / 2, kLeast);
      good_steps = 0;
      ++skipped_steps;
    } else if (++good_steps == kPatience) {
      scale = std::min(2 * scale, kMost);
      good_steps = 0;
    }
    return is_finite;
  }
};

}  // namespace relievo

// Measures how much of the subject there is in a pixel, by its depth in the mask.
#pragma once

#include <cstdint>
#include <vector>

#include "base/image.h"

namespace relievo {

/// Averages over all pixels of one depth in the same neighbourhood. The subject's own pattern averages out
/// there; the effect of the lens and of the mask's errors on the outline does not.
class OutlineProfile {
 public:
  /// Covers the pixels left..right-1 of rows top..bottom-1 of the mask. `reach` is the distance in pixels by
  /// which the outline may miss the subject's edge.
  OutlineProfile(const Mask& mask, int left, int top, int right, int bottom, double reach);

  /// The depth in pixels from where the mask crosses kOutline, positive inside; beyond the reach it is any
  /// value farther than that.
  float depth(int x, int y) const;
  bool is_near(float depth) const { return depth >= -reach_ && depth < kDeepest * reach_; }

  /// Adds a pixel that seems to hold `share` of the subject.
  void add(int x, int y, float depth, float share, float weight);

  /// The expectation for a pixel.
  struct Expected {
    float share = 1;     ///< share of the subject in it
    float variance = 0;  ///< variance of that share
    /// Variance of the share further inside, which the subject's own colours cause.
    float own_variance = 0;
  };
  Expected expected(int x, int y, float depth) const;

  /// The average share over the whole outline from one depth to another, in shares of the reach; 1 where
  /// nothing was added.
  float share_between(double from, double to) const;

 private:
  struct Sum {
    float share = 0, squares = 0, weight = 0;
  };
  static constexpr int kDeepest = 2;  // in multiples of the reach

  /// Calls visit(window, part) for the windows around a pixel.
  template <typename Visit>
  void each_window(int x, int y, const Visit& visit) const;
  int bin_of(float depth) const;

  int left_, top_;
  float reach_;
  int cell_;  // side in pixels of the picture; they share a depth
  int cells_across_, cells_down_;
  std::vector<float> depths_;
  float window_;  // side in pixels
  int across_, down_, bins_;
  std::vector<Sum> sums_;  // [down, across, bins]
};

}  // namespace relievo

// How much of the subject there is in a pixel, by how deep it lies in the mask.
#pragma once

#include <cstdint>
#include <vector>

#include "base/image.h"

namespace relievo {

/// Averages over all pixels of one depth in the same neighbourhood: what the subject is painted with averages
/// out there, what the lens and the mask's errors did to the outline does not.
class OutlineProfile {
 public:
  /// Pixels left..right-1 of rows top..bottom-1 of the mask. `reach`: how far the outline may lie from where
  /// the subject ends, in pixels.
  OutlineProfile(const Mask& mask, int left, int top, int right, int bottom, double reach);

  /// In pixels from where the mask crosses kOutline, inside positive; beyond what is looked at, any value
  /// farther than that.
  float depth(int x, int y) const;
  bool is_near(float depth) const { return depth >= -reach_ && depth < kDeepest * reach_; }

  /// A pixel that seems to hold `share` of the subject.
  void add(int x, int y, float depth, float share, float weight);

  /// What to expect of a pixel.
  struct Expected {
    float share = 1;         ///< of the subject in it
    float variance = 0;      ///< of that
    float own_variance = 0;  ///< of that further inside, which the subject's own colours make
  };
  Expected expected(int x, int y, float depth) const;

  /// The average share over the whole outline from one depth to another, in shares of the reach; 1 where
  /// nothing was added.
  float share_between(double from, double to) const;

 private:
  struct Sum {
    float share = 0, squares = 0, weight = 0;
  };
  static constexpr int kDeepest = 2;  // of the reach

  /// Calls visit(window, part) for the windows round a pixel.
  template <typename Visit>
  void each_window(int x, int y, const Visit& visit) const;
  int bin_of(float depth) const;

  int left_, top_;
  float reach_;
  int cell_;  // pixels of the picture that share a depth, a side
  int cells_across_, cells_down_;
  std::vector<float> depths_;
  float window_;  // side, pixels
  int across_, down_, bins_;
  std::vector<Sum> sums_;  // [down, across, bins]
};

}  // namespace relievo

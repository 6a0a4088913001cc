// Mends a mask on a thread of its own, for a window that must not stand still.
#pragma once

#include <chrono>
#include <future>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "foreground/mend_mask.h"

namespace relievo {

/// The previews `picture` and `mask` (engine.h) with what a person has painted on them.
class Mending {
 public:
  /// Begins at once. `mask` has as many pixels as `picture`, of one channel. Throws Error{kInvalidImage}.
  Mending(const ByteImage& picture, const ByteImage& mask, std::vector<MaskStroke> strokes);
  ~Mending();  ///< cancels it, and waits
  Mending(const Mending&) = delete;
  Mending& operator=(const Mending&) = delete;

  bool wait(std::chrono::milliseconds most);  ///< returns whether it is over
  void cancel() { cancel_.cancel(); }
  /// The mended mask, of one channel. Waits for it, and throws what mend_mask() has thrown.
  const ByteImage& mask();

 private:
  CancelToken cancel_;
  std::shared_future<ByteImage> made_;
};

/// The number of separate subjects in a mask of one channel, as Settings::subject counts them.
int count_subjects(const ByteImage& mask);

}  // namespace relievo

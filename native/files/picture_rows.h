// Collects a picture from a decoder row by row into an Image. Internal to files/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "files/colour.h"
#include "files/formats.h"

namespace relievo::files {

/// Columns and rows of a picture once it is scaled down to what is kept.
std::pair<int, int> kept_size(const Source& source, int64_t width, int64_t height);

/// The layout of a decoder's pixels: the channels of the colour, then alpha, if there is one.
struct PixelLayout {
  Channels channels = Channels::kRgb;
  bool has_alpha = false;
  bool is_premultiplied = false;  ///< colours are multiplied by alpha
  /// Values are linear light of any range and stay so; otherwise they are 0..1.
  bool is_linear = false;
};

/// Takes a picture's rows from the top and averages them over the pixels that are kept, weighted by the area
/// that each covers there (colours times alpha). Takes no more memory than the kept pixels and a row.
class PictureRows {
 public:
  /// Collects a picture that is as large as its rows, or (`original_*`) that the decoder has scaled down
  /// already.
  PictureRows(const Source& source, int width, int height, const PixelLayout& layout, int original_width = 0,
              int original_height = 0);

  /// Adds the next row: values that are 1 at `white`. Throws Error{kCancelled}.
  template <typename Sample>
  void add(const Sample* samples, float white) {
    for (size_t i = 0; i < row_.size(); ++i) row_[i] = static_cast<float>(samples[i]) / white;
    add_row();
  }
  /// The buffer for the next row, 0..1, which the caller fills before add_row().
  float* row() { return row_.data(); }
  void add_row();

  /// Is called after the last row. Returns the picture in sRGB's colours, upright.
  Image finish(const ColourSpace& space, int orientation);

 private:
  void reduce_row();

  const Source& source_;
  PixelLayout layout_;
  int width_, height_, stride_;
  int kept_width_, kept_height_;
  int y_ = 0;
  std::vector<float> row_;
  // The row at the kept width; empty where nothing is scaled down.
  std::vector<float> narrow_;
  std::vector<float> kept_;  // [kept height, kept width, stride]
};

}  // namespace relievo::files

// A picture on its way from a decoder to an Image, row by row. Internal to files/.
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

/// How a decoder's pixels lie: the channels of the colour, then alpha, if any.
struct PixelLayout {
  Channels channels = Channels::kRgb;
  bool has_alpha = false;
  bool is_premultiplied = false;  ///< colours are multiplied by alpha
  bool is_linear = false;         ///< any light, and so it stays; else 0..1
};

/// Takes a picture's rows from the top and averages them over what is kept, each pixel by the area that it
/// covers there (colours times alpha). Takes no more memory than what is kept and a row.
class PictureRows {
 public:
  /// Of a picture that is as large as its rows, or (`original_*`) that the decoder has scaled down already.
  PictureRows(const Source& source, int width, int height, const PixelLayout& layout, int original_width = 0,
              int original_height = 0);

  /// The next row: values that are 1 at `white`. Throws Error{kCancelled}.
  template <typename Sample>
  void add(const Sample* samples, float white) {
    for (size_t i = 0; i < row_.size(); ++i) row_[i] = static_cast<float>(samples[i]) / white;
    add_row();
  }
  /// The next row, to be filled by the caller, 0..1; then add_row().
  float* row() { return row_.data(); }
  void add_row();

  /// After the last row: the picture in sRGB's colours, upright.
  Image finish(const ColourSpace& space, int orientation);

 private:
  void reduce_row();

  const Source& source_;
  PixelLayout layout_;
  int width_, height_, stride_;
  int kept_width_, kept_height_;
  int y_ = 0;
  std::vector<float> row_;
  std::vector<float> narrow_;  // the row at the kept width; empty where nothing is reduced
  std::vector<float> kept_;    // [kept height, kept width, stride]
};

}  // namespace relievo::files

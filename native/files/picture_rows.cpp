#include "files/picture_rows.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/parallel.h"

namespace relievo::files {
namespace {

/// The samples of the coarser grid that a finer one falls on, and how much of it falls on each: at most two,
/// because the finer one is smaller.
struct Share {
  int first;
  float of_first, of_second;
};

Share share_of(int index, int count, int kept) {
  const double scale = static_cast<double>(kept) / count;
  const double begin = index * scale, end = (index + 1) * scale;
  const int first = std::min(static_cast<int>(begin), kept - 1);
  const double second = std::max(end - (first + 1), 0.0);
  return {first, static_cast<float>(scale - second), first + 1 < kept ? static_cast<float>(second) : 0.0f};
}

}  // namespace

std::pair<int, int> kept_size(const Source& source, int64_t width, int64_t height) {
  const double most = static_cast<double>(std::max<int64_t>(source.options.kept_pixels, 1));
  const double scale =
      std::min(std::sqrt(most / (static_cast<double>(width) * static_cast<double>(height))), 1.0);
  const auto scaled = [&](int64_t side) {
    return std::max(static_cast<int>(static_cast<double>(side) * scale + 1e-6), 1);
  };
  // Even a very thin picture keeps one column.
  const int kept_width = scaled(width);
  const int kept_height = std::min<int>(scaled(height), static_cast<int>(std::max(most / kept_width, 1.0)));
  return {std::min<int>(kept_width, static_cast<int>(std::max(most / kept_height, 1.0))), kept_height};
}

PictureRows::PictureRows(const Source& source, int width, int height, const PixelLayout& layout,
                         int original_width, int original_height)
    : source_(source),
      layout_(layout),
      width_(width),
      height_(height),
      stride_(static_cast<int>(layout.channels) + (layout.has_alpha ? 1 : 0)) {
  if (source.only_measured) throw Measured{};
  std::tie(kept_width_, kept_height_) = kept_size(source, width, height);
  const int from_width = original_width > 0 ? original_width : width;
  const int from_height = original_height > 0 ? original_height : height;
  if (from_width != kept_width_ || from_height != kept_height_) {
    source.note(fmt::format("The picture's {} x {} pixels were scaled down to {} x {} while it was read.",
                            from_width, from_height, kept_width_, kept_height_));
  }
  row_.resize(static_cast<size_t>(width_) * stride_);
  if (kept_width_ != width_ || kept_height_ != height_)
    narrow_.resize(static_cast<size_t>(kept_width_) * stride_);
  kept_.assign(static_cast<size_t>(kept_width_) * kept_height_ * stride_, 0.0f);
}

void PictureRows::add_row() {
  source_.options.cancel.check();
  if (narrow_.empty()) {
    std::copy(row_.begin(), row_.end(), kept_.begin() + static_cast<ptrdiff_t>(row_.size()) * y_);
  } else {
    reduce_row();
  }
  ++y_;
}

void PictureRows::reduce_row() {
  if (layout_.has_alpha && !layout_.is_premultiplied) {
    for (size_t i = 0; i < row_.size(); i += stride_) {
      for (int c = 0; c + 1 < stride_; ++c) row_[i + c] *= row_[i + stride_ - 1];
    }
  }
  std::fill(narrow_.begin(), narrow_.end(), 0.0f);
  for (int x = 0; x < width_; ++x) {
    const Share share = share_of(x, width_, kept_width_);
    const float* pixel = &row_[static_cast<size_t>(x) * stride_];
    float* to = &narrow_[static_cast<size_t>(share.first) * stride_];
    for (int c = 0; c < stride_; ++c) to[c] += share.of_first * pixel[c];
    if (share.of_second > 0) {
      for (int c = 0; c < stride_; ++c) to[stride_ + c] += share.of_second * pixel[c];
    }
  }
  const Share share = share_of(y_, height_, kept_height_);
  float* to = &kept_[narrow_.size() * share.first];
  for (size_t i = 0; i < narrow_.size(); ++i) to[i] += share.of_first * narrow_[i];
  if (share.of_second > 0) {
    for (size_t i = 0; i < narrow_.size(); ++i) to[narrow_.size() + i] += share.of_second * narrow_[i];
  }
}

Image PictureRows::finish(const ColourSpace& space, int orientation) {
  const ColourConverter converter(source_, space, layout_.channels, layout_.is_linear);
  const int channels = layout_.has_alpha ? 4 : 3;
  const bool is_in_place = channels == stride_ && layout_.channels == Channels::kRgb;
  Image image;
  if (is_in_place) {
    image.width = kept_width_;
    image.height = kept_height_;
    image.channels = channels;
    image.pixels = std::move(kept_);
  } else {
    image = Image(kept_width_, kept_height_, channels);
  }
  image.linear = layout_.is_linear;
  const float* const from = is_in_place ? image.pixels.data() : kept_.data();
  const bool is_multiplied = layout_.has_alpha && (layout_.is_premultiplied || !narrow_.empty());
  const bool is_clamped = !layout_.is_linear;
  parallel_for(kept_height_, 64, [&](int64_t first, int64_t last) {
    source_.options.cancel.check();
    std::vector<float> straight(static_cast<size_t>(kept_width_) * stride_);
    for (int64_t y = first; y < last; ++y) {
      std::copy_n(from + static_cast<size_t>(y) * straight.size(), straight.size(), straight.begin());
      for (size_t i = 0; i < straight.size(); i += stride_) {
        float& alpha = straight[i + stride_ - 1];
        if (layout_.has_alpha) alpha = std::clamp(alpha, 0.0f, 1.0f);
        for (int c = 0; c < static_cast<int>(layout_.channels); ++c) {
          float& value = straight[i + c];
          if (is_multiplied && alpha > 0) value /= alpha;
          if (is_clamped) value = std::clamp(value, 0.0f, 1.0f);
        }
      }
      float* to = image.pixel(0, static_cast<int>(y));
      converter.convert(straight.data(), stride_, to, channels, kept_width_);
      if (layout_.has_alpha) {
        for (int x = 0; x < kept_width_; ++x)
          to[4 * x + 3] = straight[static_cast<size_t>(x) * stride_ + stride_ - 1];
      }
    }
  });
  return turned_upright(std::move(image), orientation);
}

}  // namespace relievo::files

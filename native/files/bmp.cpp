#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/picture_rows.h"

// The format is described in "Bitmap Storage" of the Windows GDI documentation: a file header of 14 bytes, a
// header whose first word is its size, perhaps masks, a palette, then rows from the bottom (or the top, where
// the height is negative) padded to 4 bytes.

namespace relievo::files {
namespace {

constexpr size_t kFileHeader = 14;
constexpr uint32_t kOldHeader = 12, kInfoHeader = 40, kHeaderWithMasks = 52, kHeaderWithAlpha = 56,
                   kHeader4 = 108, kHeader5 = 124;
enum Compression : uint32_t {
  kPlain = 0,
  kRuns8 = 1,
  kRuns4 = 2,
  kMasks = 3,
  kJpeg = 4,
  kPng = 5,
  kMasksWithAlpha = 6
};

/// The bits of a pixel that hold a channel.
struct Channel {
  uint32_t mask = 0;
  float of(uint32_t pixel) const {
    const int shift = mask == 0 ? 0 : std::countr_zero(mask);
    const uint32_t most = mask >> shift;
    return most == 0 ? 0.0f : static_cast<float>((pixel & mask) >> shift) / static_cast<float>(most);
  }
};

class BmpReader {
 public:
  explicit BmpReader(const Source& source) : source_(source) {
    read_header();
    read_masks();
    read_palette();
  }

  Image read() {
    if (compression_ == kRuns8 || compression_ == kRuns4) decode_runs();
    PictureRows rows(source_, width_, height_, {.channels = Channels::kRgb, .has_alpha = has_alpha_});
    for (int y = 0; y < height_; ++y) {
      const int stored = is_top_down_ ? y : height_ - 1 - y;
      if (!indices_.empty()) {
        paint(rows.row(), &indices_[static_cast<size_t>(stored) * width_]);
      } else if (bits_ <= 8) {
        unpack(stored);
        paint(rows.row(), unpacked_.data());
      } else {
        read_row(rows.row(), stored);
      }
      rows.add_row();
    }
    return rows.finish(space(), 1);
  }

 private:
  [[noreturn]] void fail(const char* reason) const { throw_broken(source_, "BMP", reason); }

  uint32_t number(size_t at, size_t size) const {
    if (at > source_.bytes.size() || size > source_.bytes.size() - at) fail("it ends early");
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= static_cast<uint32_t>(source_.bytes[at + i]) << (8 * i);
    return value;
  }
  uint32_t word(size_t at) const { return number(at, 4); }

  void read_header() {
    first_pixel_ = word(10);
    header_ = word(kFileHeader);
    const size_t at = kFileHeader;
    int64_t width = 0, height = 0;
    if (header_ == kOldHeader) {
      width = number(at + 4, 2);
      height = number(at + 6, 2);
      bits_ = number(at + 10, 2);
    } else if (header_ >= kInfoHeader && header_ <= 1024) {
      width = static_cast<int32_t>(word(at + 4));
      height = static_cast<int32_t>(word(at + 8));
      bits_ = number(at + 14, 2);
      compression_ = word(at + 16);
      colours_ = word(at + 32);
    } else {
      fail("its header has an unknown size");
    }
    is_top_down_ = height < 0;
    if (height < 0) height = -height;
    check_size(source_, width, height);
    width_ = static_cast<int>(width);
    height_ = static_cast<int>(height);
    if (compression_ == kJpeg || compression_ == kPng) {
      throw Error(ErrorCode::kInvalidImage,
                  fmt::format("'{}' holds a {} picture inside a BMP file.", source_.name,
                              compression_ == kJpeg ? "JPEG" : "PNG"),
                  "Save the picture as PNG or JPEG.");
    }
    constexpr std::array kDepths{1u, 2u, 4u, 8u, 16u, 24u, 32u};
    const bool is_known = std::ranges::find(kDepths, bits_) != kDepths.end();
    const bool fits =
        compression_ == kPlain || (compression_ == kRuns8 && bits_ == 8) ||
        (compression_ == kRuns4 && bits_ == 4) ||
        ((compression_ == kMasks || compression_ == kMasksWithAlpha) && (bits_ == 16 || bits_ == 32));
    if (!is_known || !fits) fail("its pixels are of an unknown form");
    row_bytes_ = (static_cast<size_t>(width_) * bits_ + 31) / 32 * 4;
  }

  void read_masks() {
    if (bits_ == 16) {
      red_.mask = 0x7c00;
      green_.mask = 0x03e0;
      blue_.mask = 0x001f;
    } else {
      red_.mask = 0xff0000;
      green_.mask = 0x00ff00;
      blue_.mask = 0x0000ff;
    }
    if (compression_ != kMasks && compression_ != kMasksWithAlpha) return;
    const size_t at = kFileHeader + kInfoHeader;
    red_.mask = word(at);
    green_.mask = word(at + 4);
    blue_.mask = word(at + 8);
    if (header_ >= kHeaderWithAlpha || compression_ == kMasksWithAlpha) alpha_.mask = word(at + 12);
    // Many programs declare an alpha channel but leave it zero.
    has_alpha_ = alpha_.mask != 0 && bits_ >= 16 && has_any_alpha();
  }

  bool has_any_alpha() const {
    for (int y = 0; y < height_; ++y) {
      source_.options.cancel.check();
      for (int x = 0; x < width_; ++x) {
        if (alpha_.of(number(pixel_at(y, x), bits_ / 8)) > 0) return true;
      }
    }
    return false;
  }

  size_t pixel_at(int y, int x) const {
    return first_pixel_ + row_bytes_ * static_cast<size_t>(y) + static_cast<size_t>(x) * (bits_ / 8);
  }

  void read_palette() {
    if (bits_ > 8) return;
    const size_t size = header_ == kOldHeader ? 3 : 4;
    size_t at = kFileHeader + header_;
    const size_t most = size_t{1} << bits_;
    const size_t room = first_pixel_ > at ? (first_pixel_ - at) / size : 0;
    const size_t count = std::min({colours_ == 0 ? most : size_t{colours_}, most, room});
    for (size_t i = 0; i < count; ++i, at += size) {
      for (size_t c = 0; c < 3; ++c) palette_[i][c] = static_cast<float>(number(at + 2 - c, 1)) / 255;
    }
  }

  void paint(float* to, const uint8_t* indices) const {
    const int stride = has_alpha_ ? 4 : 3;
    for (int x = 0; x < width_; ++x, to += stride) std::copy_n(palette_[indices[x]].begin(), 3, to);
  }

  void unpack(int stored) {
    unpacked_.resize(static_cast<size_t>(width_));
    const size_t row = first_pixel_ + row_bytes_ * static_cast<size_t>(stored);
    for (int x = 0; x < width_; ++x) {
      const size_t bit = static_cast<size_t>(x) * bits_;
      unpacked_[x] =
          static_cast<uint8_t>(number(row + bit / 8, 1) >> (8 - bits_ - bit % 8) & ((1u << bits_) - 1));
    }
  }

  void read_row(float* to, int stored) const {
    for (int x = 0; x < width_; ++x) {
      const uint32_t pixel = number(pixel_at(stored, x), bits_ / 8);
      *to++ = red_.of(pixel);
      *to++ = green_.of(pixel);
      *to++ = blue_.of(pixel);
      if (has_alpha_) *to++ = alpha_.of(pixel);
    }
  }

  /// Decodes runs of one index, or of two alternating ones; escapes end the row or the picture, move on, or
  /// precede single indices.
  void decode_runs() {
    const std::shared_ptr<void> reserved =
        reserve_whole(source_, "a BMP", static_cast<double>(width_) * height_);
    indices_.assign(static_cast<size_t>(width_) * height_, 0);
    const bool is_half = compression_ == kRuns4;
    const auto put = [&](int x, int y, uint32_t index) {
      if (x < width_ && y < height_)
        indices_[static_cast<size_t>(y) * width_ + x] = static_cast<uint8_t>(index);
    };
    size_t at = first_pixel_;
    int x = 0, y = 0;
    while (y < height_) {
      source_.options.cancel.check();
      const uint32_t count = number(at, 1), value = number(at + 1, 1);
      at += 2;
      if (count > 0) {
        for (uint32_t i = 0; i < count; ++i, ++x)
          put(x, y, is_half ? (i % 2 == 0 ? value >> 4 : value & 15) : value);
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        return;
      } else if (value == 2) {
        x += static_cast<int>(number(at, 1));
        y += static_cast<int>(number(at + 1, 1));
        at += 2;
      } else {
        for (uint32_t i = 0; i < value; ++i, ++x) {
          const uint32_t byte = number(at + (is_half ? i / 2 : i), 1);
          put(x, y, is_half ? (i % 2 == 0 ? byte >> 4 : byte & 15) : byte);
        }
        const size_t bytes = is_half ? (value + 1) / 2 : value;
        at += (bytes + 1) / 2 * 2;
      }
      if (x > width_ + 65536) fail("its data is damaged");
    }
  }

  /// The colour space: sRGB, or the one that versions 4 and 5 of the header give.
  ColourSpace space() const {
    constexpr uint32_t kCalibrated = 0, kEmbedded = 0x4d424544;  // "MBED"
    ColourSpace space;
    if (header_ < kHeader4) return space;
    const size_t at = kFileHeader;
    const uint32_t kind = word(at + 56);
    if (kind == kEmbedded && header_ >= kHeader5) {
      const size_t start = size_t{kFileHeader} + word(at + 112), size = word(at + 116);
      if (start > source_.bytes.size() || size > source_.bytes.size() - start)
        fail("its colour profile ends early");
      space.profile.assign(source_.bytes.begin() + static_cast<ptrdiff_t>(start),
                           source_.bytes.begin() + static_cast<ptrdiff_t>(start + size));
    } else if (kind == kCalibrated) {
      set_calibrated(space);
    }
    return space;
  }

  /// Sets the space from XYZ of the three primaries, in fixed point with 30 fractional bits, whose sum is the
  /// white, and gammas with 16 fractional bits.
  void set_calibrated(ColourSpace& space) const {
    std::array<std::array<double, 3>, 3> xyz{};
    for (size_t i = 0; i < 9; ++i)
      xyz[i / 3][i % 3] = word(kFileHeader + 60 + 4 * i) / static_cast<double>(1u << 30);
    const double gamma = word(kFileHeader + 100) / 65536.0;
    const auto sum = [](const std::array<double, 3>& v) { return v[0] + v[1] + v[2]; };
    std::array<double, 3> white{};
    for (const auto& primary : xyz) {
      if (sum(primary) <= 0) return;
      for (size_t i = 0; i < 3; ++i) white[i] += primary[i];
    }
    if (gamma <= 0) return;
    space.primaries = {xyz[0][0] / sum(xyz[0]), xyz[0][1] / sum(xyz[0]), xyz[1][0] / sum(xyz[1]),
                       xyz[1][1] / sum(xyz[1]), xyz[2][0] / sum(xyz[2]), xyz[2][1] / sum(xyz[2]),
                       white[0] / sum(white),   white[1] / sum(white)};
    space.transfer = Transfer::kGamma;
    space.gamma = gamma;
  }

  const Source& source_;
  size_t first_pixel_ = 0, row_bytes_ = 0;
  uint32_t header_ = 0, bits_ = 0, compression_ = kPlain, colours_ = 0;
  int width_ = 0, height_ = 0;
  bool is_top_down_ = false, has_alpha_ = false;
  Channel red_, green_, blue_, alpha_;
  std::array<std::array<float, 3>, 256> palette_{};
  std::vector<uint8_t> unpacked_, indices_;
};

}  // namespace

Image read_bmp(const Source& source) { return BmpReader(source).read(); }

}  // namespace relievo::files

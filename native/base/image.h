// Pictures as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace relievo {

/// A picture `[height, width, channels]` of float32, row 0 at the top, channels interleaved.
/// channels is 3 (RGB) or 4 (RGB and straight, not premultiplied, alpha).
/// Values are sRGB-encoded in 0..1, or linear light (which may exceed 1) where `linear` is set. Alpha is in
/// 0..1.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  bool linear = false;
  std::vector<float> pixels;

  Image() = default;
  Image(int width_, int height_, int channels_, float fill = 0.0f)
      : width(width_),
        height(height_),
        channels(channels_),
        pixels(static_cast<size_t>(width_) * height_ * channels_, fill) {}

  bool empty() const { return pixels.empty(); }
  const float* pixel(int x, int y) const { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
  float* pixel(int x, int y) { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
};

/// One value a pixel in 0..1, row 0 at the top: a mask, or a network's raw map.
struct Mask {
  int width = 0;
  int height = 0;
  std::vector<float> values;  // [height, width]

  Mask() = default;
  Mask(int width_, int height_, float fill = 0.0f)
      : width(width_), height(height_), values(static_cast<size_t>(width_) * height_, fill) {}

  float at(int x, int y) const { return values[static_cast<size_t>(y) * width + x]; }
  float& at(int x, int y) { return values[static_cast<size_t>(y) * width + x]; }
};

/// 8-bit samples `[height, width, channels]`, for what is defined on bytes: PIL's resampling, published
/// crops, PNG.
struct ByteImage {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<uint8_t> pixels;

  ByteImage() = default;
  ByteImage(int width_, int height_, int channels_, uint8_t fill = 0)
      : width(width_),
        height(height_),
        channels(channels_),
        pixels(static_cast<size_t>(width_) * height_ * channels_, fill) {}

  const uint8_t* pixel(int x, int y) const {
    return &pixels[(static_cast<size_t>(y) * width + x) * channels];
  }
  uint8_t* pixel(int x, int y) { return &pixels[(static_cast<size_t>(y) * width + x) * channels]; }
};

/// The sRGB transfer function (IEC 61966-2-1), both ways, for one value; negative values are treated as 0.
float srgb_from_linear(float linear);
float linear_from_srgb(float encoded);

/// Rounds to bytes; linear pictures are sRGB-encoded first; values outside 0..1 are clamped.
ByteImage to_bytes(const Image& image);
/// 3 or 4 channels, sRGB-encoded.
Image from_bytes(const ByteImage& bytes);

/// round(value / 255), for the products of two bytes.
inline int over_255(int value) { return ((value + 128) + ((value + 128) >> 8)) >> 8; }
/// RGBA -> RGB on white, each channel rounded to a byte as PIL does.
ByteImage paste_on_white(const ByteImage& rgba);

/// The rectangle of the source picture that became a Foreground.
struct Crop {
  int x =
      0;  ///< of the source picture's left top corner pixel; may be negative where the square reaches outside
  int y = 0;
  int side = 0;  ///< of the square, in source pixels
};

/// The subject alone: a square RGBA picture with the subject's longer side at `0.85` of the square's,
/// centred.
struct Foreground {
  Image image;  ///< [S, S, 4], sRGB-encoded, straight alpha
  Crop crop;
};

}  // namespace relievo

#include "base/image.h"

#include <algorithm>
#include <cmath>

namespace relievo {

float srgb_from_linear(float linear) {
  if (linear <= 0.0031308f) return 12.92f * std::max(linear, 0.0f);
  return 1.055f * std::pow(linear, 1.0f / 2.4f) - 0.055f;
}

float linear_from_srgb(float encoded) {
  if (encoded <= 0.04045f) return std::max(encoded, 0.0f) / 12.92f;
  return std::pow((encoded + 0.055f) / 1.055f, 2.4f);
}

ByteImage to_bytes(const Image& image) {
  ByteImage bytes(image.width, image.height, image.channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    float value = image.pixels[i];
    const bool is_alpha = image.channels == 4 && i % 4 == 3;
    if (image.linear && !is_alpha) value = srgb_from_linear(value);
    bytes.pixels[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255.0f));
  }
  return bytes;
}

Image from_bytes(const ByteImage& bytes) {
  Image image(bytes.width, bytes.height, bytes.channels);
  std::transform(bytes.pixels.begin(), bytes.pixels.end(), image.pixels.begin(),
                 [](uint8_t value) { return static_cast<float>(value) / 255.0f; });
  return image;
}

ByteImage paste_on_white(const ByteImage& rgba) {
  ByteImage rgb(rgba.width, rgba.height, 3);
  for (size_t i = 0, count = rgb.pixels.size() / 3; i < count; ++i) {
    const uint8_t* in = &rgba.pixels[4 * i];
    const int alpha = in[3];
    for (int c = 0; c < 3; ++c) {
      rgb.pixels[3 * i + c] = static_cast<uint8_t>(over_255(in[c] * alpha + 255 * (255 - alpha)));
    }
  }
  return rgb;
}

}  // namespace relievo

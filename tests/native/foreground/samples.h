// Pictures and masks to cut out from, and what to measure on the result.
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "base/error.h"
#include "foreground/islands.h"

namespace relievo::samples {

/// A picture of one colour; an alpha of 0 where there are 4 channels.
inline Image plain(int width, int height, int channels, const float (&colour)[3]) {
  Image image(width, height, channels);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) std::copy_n(colour, 3, image.pixel(x, y));
  }
  return image;
}

inline void fill(Mask& mask, const PixelBox& box, float value = 1) {
  for (int y = box.top; y < box.bottom; ++y) {
    for (int x = box.left; x < box.right; ++x) mask.at(x, y) = value;
  }
}

inline Mask alpha_of(const Image& image) {
  Mask mask(image.width, image.height);
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = image.pixels[4 * i + 3];
  return mask;
}

inline Image with_alpha(const Image& image, const Mask& mask) {
  Image result(image.width, image.height, 4);
  result.linear = image.linear;
  for (size_t i = 0; i < mask.values.size(); ++i) {
    std::copy_n(&image.pixels[i * image.channels], 3, &result.pixels[4 * i]);
    result.pixels[4 * i + 3] = mask.values[i];
  }
  return result;
}

/// The code of the Error that `call` throws.
inline ErrorCode error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

}  // namespace relievo::samples

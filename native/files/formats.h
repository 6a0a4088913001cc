// The picture formats behind pictures.h, one function a format and direction. Internal to files/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/image.h"
#include "base/mesh.h"
#include "files/pictures.h"

namespace relievo::files {

/// A picture file in memory that is about to be decoded.
struct Source {
  std::span<const std::byte> bytes;
  const std::string& name;  ///< for messages
  const PictureLimits& limits;
};

/// Throws Error{kInvalidImage}: "'name' is not a sound PNG file: reason."
[[noreturn]] void throw_broken(const Source& source, std::string_view format, std::string_view reason);

/// Throws Error{kInvalidImage} for a picture without pixels or beyond the limits. Decoders call it before
/// they take memory.
void check_size(const Source& source, int64_t width, int64_t height);

/// Interleaved integer samples of `stride` a pixel to an Image of the first `channels` of them; `white`
/// becomes 1.
template <typename Sample>
Image image_from_samples(const std::vector<Sample>& samples, int stride, int width, int height, int channels,
                         float white) {
  Image image(width, height, channels);
  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  for (size_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < channels; ++c) {
      image.pixels[i * channels + c] = static_cast<float>(samples[i * stride + c]) / white;
    }
  }
  return image;
}

/// Throws Error{kInvalidSettings}: a picture that the format cannot hold.
[[noreturn]] void throw_does_not_fit(int width, int height, std::string_view format, std::string_view reason);

// Each throws Error{kInvalidImage} for a broken file.
Image read_png(const Source& source);
Image read_jpeg(const Source& source);
Image read_webp(const Source& source);
Image read_exr(const Source& source);

/// What the samples of a PNG mean: colours (tagged sRGB) or plain numbers such as directions (not tagged).
enum class PngContent { kColour, kData };

// 1, 3 or 4 channels for PNG, 3 for JPEG, 3 or 4 for the others.
std::vector<std::byte> encode_png(const ByteImage& image, PngContent content, const Provenance& provenance);
std::vector<std::byte> encode_jpeg(const ByteImage& image);
std::vector<std::byte> encode_webp(const ByteImage& image);
std::vector<std::byte> encode_exr(const Image& image);

/// The EXIF orientation (1..8) in the body of an APP1 segment, "Exif" header included; 1 when there is none.
int exif_orientation(std::span<const std::byte> segment);

/// Turns and mirrors a picture as stored into the picture as seen. Orientation 1..8 as in the EXIF standard
/// (CIPA DC-008, 4.6.4).
ByteImage turned_upright(ByteImage stored, int orientation);

}  // namespace relievo::files

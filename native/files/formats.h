// The picture formats behind pictures.h: one function for each format and direction. Internal to files/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
  const PictureOptions& options;
  bool only_measured = false;  ///< Measured is thrown before anything is decoded

  void note(const std::string& text) const {
    if (options.on_note && !only_measured) options.on_note(text);
  }
};

/// The bytes that a decoder would take for a whole picture.
struct Measured {
  double bytes = 0;
  std::string what;
};

/// Throws Error{kInvalidImage}: "'name' is not a sound PNG file: reason."
[[noreturn]] void throw_broken(const Source& source, std::string_view format, std::string_view reason);

/// Throws Error{kInvalidImage} for a picture without pixels or beyond the limits. Decoders call it before
/// they allocate memory.
void check_size(const Source& source, int64_t width, int64_t height);

/// Is called before a decoder allocates memory for a whole picture; `what` names the picture in the message
/// ("a progressive JPEG"). The result is kept as long as the memory is. Throws Error{kInvalidImage} beyond
/// the limit.
std::shared_ptr<void> reserve_whole(const Source& source, std::string_view what, double bytes);

/// Notes that the first of several pictures in a file was taken.
void note_first_of_several(const Source& source, std::string_view what);

/// Throws Error{kInvalidSettings} for a picture that the format cannot hold.
[[noreturn]] void throw_does_not_fit(int width, int height, std::string_view format, std::string_view reason);

// Each of these throws Error{kInvalidImage} for a broken file, Error{kCancelled}.
Image read_png(const Source& source);
Image read_jpeg(const Source& source);
Image read_webp(const Source& source);
Image read_exr(const Source& source);
Image read_tiff(const Source& source);
Image read_gif(const Source& source);
Image read_bmp(const Source& source);
Image read_heif(const Source& source);

/// The meaning of a PNG's samples: colours (tagged sRGB) or plain numbers such as directions (not tagged).
enum class PngContent { kColour, kData };

// PNG takes 1, 3 or 4 channels, JPEG 3, the others 3 or 4.
std::vector<std::byte> encode_png(const ByteImage& image, PngContent content, const Provenance& provenance);
std::vector<std::byte> encode_jpeg(const ByteImage& image);
std::vector<std::byte> encode_webp(const ByteImage& image);
std::vector<std::byte> encode_exr(const Image& image);

/// The facts that a camera wrote beside a picture.
struct Exif {
  int orientation = 1;        ///< 1..8
  bool is_adobe_rgb = false;  ///< DCF's optional colour space
};
/// Reads the TIFF structure of EXIF data, with or without the header "Exif" before it. Damaged data gives the
/// defaults.
Exif read_exif(std::span<const std::byte> data);

/// Turns and mirrors a stored picture so that it is upright. Orientation is 1..8 as in the EXIF standard
/// (CIPA DC-008, 4.6.4).
Image turned_upright(Image stored, int orientation);

}  // namespace relievo::files

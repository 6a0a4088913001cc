// Reads and writes pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

/// Options of reading a picture, and limits of what a file may ask for.
struct PictureOptions {
  int max_side = 32768;
  int64_t max_pixels = int64_t{320} << 20;
  /// A picture of more pixels is scaled down to this many while it is decoded, so that no more of them are in
  /// memory at a time.
  int64_t kept_pixels = int64_t{64} << 20;
  /// The most bytes that a decoder may hold that cannot go row by row (progressive, interlaced, tiled as a
  /// whole).
  int64_t max_decoder_bytes = int64_t{1} << 30;
  int64_t max_file_bytes = int64_t{2} << 30;
  CancelToken cancel = {};  ///< checked while a picture is decoded
  /// Is given sentences that the person should know about the picture.
  std::function<void(const std::string& note)> on_note = {};
  /// Is called before so many bytes are allocated for a file's content, or by a decoder for a whole
  /// picture; its result is kept as long as they are.
  std::function<std::shared_ptr<void>(int64_t bytes)> reserve = {};
};

/// Reads PNG, JPEG, WebP, TIFF, GIF, BMP, HEIC, AVIF (8 and 16 bit, grey, palette, CMYK, alpha) and OpenEXR
/// or floating-point TIFF (linear). The kind is recognised by the content, not by the name. The picture is
/// returned as it is seen: turned upright as its EXIF or TIFF orientation asks, with its colours converted to
/// sRGB's from the space that its profile or header names (linear pictures: to linear light with sRGB's
/// primaries). Of several pictures in a file the first is read. A picture without alpha gets 3 channels.
/// Throws Error{kIo} when the file cannot be read, Error{kInvalidImage} when it is empty, not a picture,
/// broken, larger than the options allow (checked before memory is taken), or holds NaN or infinite values,
/// Error{kCancelled}.
Image read_picture(const std::filesystem::path& path, const PictureOptions& options = {});
Image read_picture(std::span<const std::byte> bytes, const std::string& name,
                   const PictureOptions& options = {});

/// The bytes that are held while a picture is decoded, besides the resulting picture.
struct DecodingCost {
  int64_t file_bytes = 0;
  int64_t decoder_bytes = 0;  ///< for a decoder that cannot go row by row
  std::string kind;           ///< that one's: "a progressive JPEG"; empty where there is none
};

/// Told from the file's header: nothing is decoded. Of a file that cannot be read nothing is known; what is
/// wrong with it tells who reads it.
DecodingCost decoding_cost(const std::filesystem::path& path, const PictureOptions& options = {});
DecodingCost decoding_cost(std::span<const std::byte> bytes, const std::string& name,
                           const PictureOptions& options = {});

/// Encodes a PNG file; 1, 3 or 4 channels, tagged sRGB. It says what it was made of, where that is known
/// (files/source_mark.h).
std::vector<std::byte> encode_png(const ByteImage& image, const Provenance& provenance = {});

/// Writes the format that the name's extension (any case) names: png, jpg, jpeg, webp (8 bit sRGB) or exr
/// (half float, linear). JPEG flattens alpha onto white. The file is written as a whole or not at all. Throws
/// Error{kIo}, or Error{kInvalidSettings} for another extension.
void write_picture(const std::filesystem::path& path, const Image& image);

}  // namespace relievo

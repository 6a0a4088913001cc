// Pictures in and out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

struct PictureLimits {
  int max_side = 16384;
  int64_t max_pixels = int64_t{128} << 20;
};

/// Reads PNG (8 and 16 bit, grey, palette, alpha), JPEG (grey, RGB, CMYK; turned upright as its EXIF
/// orientation asks), WebP or OpenEXR (linear; R G B [A], or Y alone). The kind is told by the content, not
/// by the name. A picture without alpha comes back with 3 channels. Throws Error{kIo} when the file cannot be
/// read, Error{kInvalidImage} when it is empty, not a picture, broken, larger than the limits (checked before
/// memory is taken), or holds NaN or infinite values.
Image read_picture(const std::filesystem::path& path, const PictureLimits& limits = {});
Image read_picture(std::span<const std::byte> bytes, const std::string& name,
                   const PictureLimits& limits = {});

/// A PNG file in memory; 1, 3 or 4 channels, tagged sRGB. Says what it was made of, where that is known
/// (files/source_mark.h).
std::vector<std::byte> encode_png(const ByteImage& image, const Provenance& provenance = {});

/// Writes by the name's extension (any case): png, jpg, jpeg, webp (8 bit sRGB) or exr (half float, linear).
/// JPEG drops alpha onto white. Whole or not at all. Throws Error{kIo}, or Error{kInvalidSettings} for
/// another extension.
void write_picture(const std::filesystem::path& path, const Image& image);

}  // namespace relievo

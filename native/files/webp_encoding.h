// Encoding of WebP, shared by still pictures and frames of animations.
#pragma once

#include <cstddef>
#include <vector>

#include <webp/encode.h>

#include "base/image.h"

namespace relievo::files {

/// Throws Error{kInternal} where a call of the WebP library tells that it is not the version that we were
/// built for.
void require_webp(bool is_the_same_version);

/// Encodes a whole WebP file. Throws Error{kInvalidImage} for a picture that is too large for one.
std::vector<std::byte> encode_webp(const ByteImage& image, const WebPConfig& config);

}  // namespace relievo::files

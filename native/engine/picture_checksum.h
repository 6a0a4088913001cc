// Checksums of pictures' content, by which they are told apart.
#pragma once

#include <filesystem>
#include <string>

#include "engine/engine.h"

namespace relievo {

/// SHA-256 of a picture file's bytes, in lower-case hexadecimal. Throws Error{kIo}.
std::string picture_checksum(const std::filesystem::path& picture);

/// The same for a request's picture: over its file, the bytes given, or its size and pixels.
std::string picture_checksum(const GenerateRequest& request);

}  // namespace relievo

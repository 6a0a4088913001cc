// What tells pictures apart: a checksum of their content.
#pragma once

#include <filesystem>
#include <string>

#include "engine/engine.h"

namespace relievo {

/// SHA-256 of a picture file's bytes, in lower-case hexadecimal. Throws Error{kIo}.
std::string picture_checksum(const std::filesystem::path& picture);

/// The same of a request's picture: of its file, of the bytes given, or of its size and pixels.
std::string picture_checksum(const GenerateRequest& request);

}  // namespace relievo

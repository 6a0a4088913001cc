// Bytes as text.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace relievo {

/// Base64 as of RFC 4648, padded.
std::string base64(std::span<const std::byte> bytes);

}  // namespace relievo

// What a file is, by its first bytes. Internal to files/.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "files/formats.h"

namespace relievo::files {

/// A format that is read here.
struct Format {
  const char* name;
  Image (*read)(const Source&);
};

/// As many bytes as format_of and description_of look at.
inline constexpr size_t kSignatureBytes = 512;

/// Null when it is no picture that is read here.
const Format* format_of(std::span<const std::byte> start);

/// What else it is, to stand after "it is": "a Photoshop document (PSD)"; empty when it is of no known kind.
std::string description_of(std::span<const std::byte> start);

}  // namespace relievo::files

// Recognises files by their first bytes. Internal to files/.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "files/formats.h"

namespace relievo::files {

/// A picture format that can be read.
struct Format {
  const char* name;
  Image (*read)(const Source&);
};

/// The number of bytes that format_of and description_of look at.
inline constexpr size_t kSignatureBytes = 512;

/// The format of a file; null when it is no picture that can be read.
const Format* format_of(std::span<const std::byte> start);

/// Describes a file of another kind, to stand after "it is": "a Photoshop document (PSD)". The text is empty
/// when the kind is not known.
std::string description_of(std::span<const std::byte> start);

}  // namespace relievo::files

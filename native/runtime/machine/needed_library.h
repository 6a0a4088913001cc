// Finds which libraries a shared library was linked with, without opening it.
#pragma once

#include <optional>
#include <string>

namespace relievo {

/// The first entry of `library`'s list of needed libraries that begins with `name` (DT_NEEDED; System V ABI,
/// "Dynamic Section"). Returns nothing for a file that is not a little-endian 64-bit ELF file, or needs no
/// such library.
std::optional<std::string> needed_library(const std::string& library, const std::string& name);

}  // namespace relievo

// Reads the directory of a zip archive that lies in memory (PKWARE's APPNOTE.TXT 6.3, zip64 included).
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace relievo {

/// The stored entries of an archive, by name, as views of `archive`. Throws std::runtime_error with the
/// reason: entries outside the archive, overlapping, compressed, encrypted or named twice, or an archive that
/// is split into several files.
std::map<std::string, std::span<const std::byte>, std::less<>> read_zip_directory(
    std::span<const std::byte> archive);

/// Returns whether the bytes begin as a zip archive does.
bool looks_like_zip(std::span<const std::byte> bytes);

}  // namespace relievo

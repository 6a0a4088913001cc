// Files that are either whole or not there.
#pragma once

#include <filesystem>
#include <functional>
#include <span>

namespace relievo {

/// Lets `write` fill a new file beside `path` (same folder, a name that keeps the extension), flushes it to
/// the disk and renames it to `path`. Whatever goes wrong, nothing half-written is left, and an older `path`
/// survives. Throws Error{kIo} with the reason when the folder is missing, not writable or full.
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const std::filesystem::path& temporary)>& write);

/// The same for bytes in memory.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace relievo

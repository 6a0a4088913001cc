// Files that are either whole or not there.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace relievo {

/// What the names of half-written files of this process have in them, and those of no other: PROCESS-RANDOM.
std::string writer_mark();

/// A name for what becomes `path`, new at each call: `.STEM.MARK-NUMBER.part.EXTENSION` beside it.
std::filesystem::path temporary_beside(const std::filesystem::path& path);

/// Whether temporary_beside() gave this name in the process of that mark.
bool is_temporary_of(std::string_view file_name, std::string_view mark);

/// Lets `write` fill a new file beside `path` (same folder, a name that keeps the extension), flushes it to
/// the disk and renames it to `path`. Whatever goes wrong, nothing half-written is left, and an older `path`
/// survives. Throws Error{kIo} with the reason when the folder is missing, not writable or full.
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const std::filesystem::path& temporary)>& write);

/// The same for bytes in memory.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace relievo

// Files that are either whole or not there.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace relievo {

/// PROCESS-RANDOM: the names of this process's half-written files have it in them, and those of no other.
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

/// How a file is given a name that nothing has yet. Not every file system has each.
enum class FreeName {
  kRename,       ///< a rename that replaces nothing
  kLink,         ///< a second name, and the first goes
  kPlaceholder,  ///< an empty file, which is then replaced: it is there for a moment
};

/// Renames a file of the same file system unless something has the name already: false then, and nothing has
/// changed. No other process or thread can come between. Takes the first way from `way` on that the file
/// system has. Throws Error{kIo}.
bool rename_to_free(const std::filesystem::path& from, const std::filesystem::path& to,
                    FreeName way = FreeName::kRename);

}  // namespace relievo

// Names that every file system takes.
#pragma once

#include <cstddef>
#include <string>

namespace relievo {

/// Bytes of a result's name at most: of the 255 that a file's name may have, what is left beside a number,
/// the longest ending and what a half-written file is called (base/atomic_file.h).
inline constexpr size_t kLongestName = 190;

/// A name that files, objects and materials can have, in valid UTF-8: control characters, line breaks and
/// what Windows refuses (\ / : * ? " < > |) become underscores, blanks and dots at either end go, a name that
/// Windows keeps for devices (CON, NUL.tar) gets an underscore, and what is longer than `longest` bytes is
/// cut between two characters. "picture" where nothing is left. Cleaning a clean name changes nothing.
std::string clean_name(const std::string& name, size_t longest = kLongestName);

/// The same text for names that a file system or a person may take for one: of any case, composed or
/// decomposed.
std::string folded_name(const std::string& name);

}  // namespace relievo

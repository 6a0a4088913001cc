// Makes names that every file system takes.
#pragma once

#include <cstddef>
#include <string>

namespace relievo {

/// The most bytes of a result's name: a file's name may have 255, less those of a number, the longest ending
/// and the mark of a half-written file (base/atomic_file.h).
inline constexpr size_t kLongestName = 190;

/// A name that files, objects and materials can have, in valid UTF-8: control characters, line breaks and the
/// characters that Windows refuses (\ / : * ? " < > |) become underscores, blanks and dots at either end are
/// removed, a name that Windows keeps for devices (CON, NUL.tar) gets an underscore, and a name of more than
/// `longest` bytes is cut between two characters. The result is "picture" where nothing is left. Cleaning a
/// clean name changes nothing.
std::string clean_name(const std::string& name, size_t longest = kLongestName);

/// Folds names that a file system or a person may take for the same, of any case, composed or decomposed,
/// into one text.
std::string folded_name(const std::string& name);

}  // namespace relievo

// How a file says what it was made of. Every file of a result names Relievo and the checksum of its picture:
// GLB in its asset's generator and extras, OBJ, MTL and PLY in comments, PNG in text chunks, OpenEXR in
// attributes of its header, WebP in a chunk, .blend in a skippable frame beside its compressed ones.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/mesh.h"

namespace relievo {

inline constexpr char kGenerator[] = "Relievo ";  ///< what each file's own generator begins with
inline constexpr char kChecksumKey[] = "relievo_picture_sha256";  ///< what each file calls the checksum

/// What files for others say: of every path, in the settings too, the last part alone, for the folders above
/// are the person's own business.
Provenance without_folders(const Provenance& provenance);

/// The same as lines of text: "Relievo 0.1.0", the checksum, "picture: cup.png" and so on for each thing
/// known, without line breaks in them.
std::vector<std::string> provenance_lines(const Provenance& provenance);

/// Writes the same into a .blend file that Blender has compressed, which Blender passes over. Throws
/// Error{kIo}, Error{kInvalidSettings} for any other file.
void mark_blend(const std::filesystem::path& path, const Provenance& provenance);

/// The checksum of the picture that Relievo made the file of. Empty where the file does not say that Relievo
/// wrote it, is of another kind, damaged, or cannot be read. Told by the content, not by the name; reads the
/// beginning and the end alone.
std::string source_checksum(const std::filesystem::path& path);

}  // namespace relievo

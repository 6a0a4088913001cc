// Marks files with what they were made of. Every file of a result names Relievo and the checksum of its
// picture: GLB in its asset's generator and extras, OBJ, MTL and PLY in comments, FBX in the comment of its
// head, STL in its head, 3MF and USDZ in their archive's comment, PNG in text chunks, OpenEXR in attributes
// of its header, WebP in a chunk, .blend in a skippable frame beside its compressed ones.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// The beginning of each file's own generator.
inline constexpr char kGenerator[] = "Relievo ";
/// The key of the checksum in each file.
inline constexpr char kChecksumKey[] = "relievo_picture_sha256";

/// Returns the provenance for files that others may get: every path, in the settings too, is reduced to its
/// last part, because the folders above are the person's own business.
Provenance without_folders(const Provenance& provenance);

/// Writes the provenance as lines of text: "Relievo 0.1.0", the checksum, "picture: cup.png" and so on for
/// each known fact, without line breaks in them.
std::vector<std::string> provenance_lines(const Provenance& provenance);

/// Writes the provenance into a .blend file that Blender has compressed; Blender skips it. Throws Error{kIo},
/// Error{kInvalidSettings} for any other file.
void mark_blend(const std::filesystem::path& path, const Provenance& provenance);

/// Writes the provenance into a ZIP archive without a comment (3MF, USDZ), as its comment. Throws Error{kIo}.
void mark_zip(const std::filesystem::path& path, const Provenance& provenance);

/// Returns the checksum of the picture that Relievo made the file of. It is empty where the file does not say
/// that Relievo wrote it, is of another kind, damaged, or cannot be read. The content tells, not the name;
/// only the beginning and the end are read.
std::string source_checksum(const std::filesystem::path& path);

}  // namespace relievo

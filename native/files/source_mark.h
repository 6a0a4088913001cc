// How a file says what it was made of. Every file of a result names Relievo and the checksum of its picture:
// GLB in its asset's generator and extras, OBJ, MTL and PLY in comments, PNG in text chunks, OpenEXR in
// attributes of its header, WebP in a chunk, .blend in a skippable frame beside its compressed ones.
#pragma once

#include <filesystem>
#include <string>

namespace relievo {

inline constexpr char kGenerator[] = "Relievo ";  ///< what each file's own generator begins with
inline constexpr char kChecksumKey[] = "relievo_picture_sha256";  ///< what each file calls the checksum

/// The checksum of the picture that Relievo made the file of. Empty where the file does not say that Relievo
/// wrote it, is of another kind, damaged, or cannot be read. Told by the content, not by the name; reads the
/// beginning and the end alone.
std::string source_checksum(const std::filesystem::path& path);

}  // namespace relievo

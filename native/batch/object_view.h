// The objects that the report shows in 3D. A page that is opened from a disk may not read files, but may run
// scripts beside it: `NAME_view.js` hands `NAME.glb` over, with textures that suit a page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "batch/journal.h"

namespace relievo {

/// The most texels a side of the textures in a view.
inline constexpr int kViewTextureSide = 1024;

/// The view of a result's GLB file, relative to the batch's folder as the files are. It is written where it
/// is not there, or is that of another GLB file. Empty where there is no sound GLB file among them, or where
/// a file of that name is none of Relievo's. Throws Error{kIo} where it cannot be written.
std::string view_of(const std::filesystem::path& folder, const std::vector<JournalFile>& files);

}  // namespace relievo

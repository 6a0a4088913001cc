// Checks that a file is of the kind that it claims to be.
#pragma once

#include <filesystem>
#include <string>

#include "downloads/downloads.h"

namespace relievo {

/// Says why the file at `path`, which will be called `name`, cannot be of its kind; empty where it can. A
/// weight file's directory is read strictly: every tensor's name, type, shape and place. Throws Error{kIo}
/// when the disk fails.
std::string why_not_of_kind(const std::filesystem::path& path, const std::filesystem::path& name,
                            FileKind kind);

}  // namespace relievo
